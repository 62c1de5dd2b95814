# Thin: meson and ninja do the work. `make help` lists the targets.
# Works from anywhere (make -C), with BUILD= and BUILD_DEV= for build directories of your own.
BUILD ?= build
BUILD_DEV ?= $(BUILD)-dev
PREFIX ?= /usr/local
DESTDIR ?=
export PYTHONDONTWRITEBYTECODE = 1
MAKEFLAGS += --no-print-directory

.DEFAULT_GOAL := all
.PHONY: all dev run test test-full soak test-vm test-engines conformance bench lint format install clean help
.NOTPARALLEL:

all: $(BUILD)/build.ninja ## build the library and nsinit
	@ninja -C $(BUILD)

dev: $(BUILD_DEV)/build.ninja ## the same with ASan and UBSan, in build-dev
	@ninja -C $(BUILD_DEV)

$(BUILD)/build.ninja:
	@scripts/setup --check build
	meson setup $(BUILD) --prefix $(PREFIX)

# Not -Werror: with the checks woven in, gcc loses track of lengths and warns about what cannot happen.
$(BUILD_DEV)/build.ninja:
	@scripts/setup --check build
	meson setup $(BUILD_DEV) -Db_sanitize=address,undefined -Dbuildtype=debug -Doptimization=1 -Dwerror=false

run: ## build, make a small root file system and look around in a container (installs missing packages)
	@scripts/setup build run
	@$(MAKE) all
	@scripts/run $(BUILD)

test: ## build twice and run all tests (installs missing packages)
	@scripts/setup build test
	@$(MAKE) all dev
	@scripts/test $(BUILD) $(BUILD_DEV)

test-full: ## the same with the stress tests at full length: an hour or more
	@LC_STRESS=full $(MAKE) test

soak: all ## the races of the security catalogue for SOAK_SECONDS (default 3600) in all: tests/security
	@scripts/setup build test
	SOAK_SECONDS="$${SOAK_SECONDS:-3600}" RT="$${RT:-$(abspath $(BUILD))/nsrun/nsrun}" \
		/usr/bin/python3 -m pytest -q tests/security -m race

test-vm: all ## the same program on cgroup v2 and v1, with AppArmor, on other kernels: in virtual machines (tests/vm)
	@tests/vm/run-in-vm.sh $(BUILD)

test-engines: all ## podman, docker, containerd and buildah with nsrun (installs missing packages): tests/engines
	@BUILD=$(BUILD) scripts/test-engines $(if $(RUNTIME),--runtime "$(RUNTIME)") $(if $(ENGINE),--engine "$(ENGINE)") $(if $(FILTER),--filter "$(FILTER)")

conformance: all ## runc's own test suite against nsrun (fetches it from Debian, installs missing packages): tests/conformance
	@scripts/conformance --runtime "$${RUNTIME:-$(BUILD)/nsrun/nsrun}"

bench: ## measure against the kernel's floor, crun and runc (installs missing packages)
	@scripts/setup build bench
	@$(MAKE) all
	/usr/bin/python3 bench/run.py --build $(BUILD)
	/usr/bin/python3 bench/oci.py --build $(BUILD)
	/usr/bin/python3 bench/place.py --build $(BUILD)

lint: ## clang-format, clang-tidy, cppcheck, lengths of functions and files
	@scripts/setup build lint
	@$(MAKE) all
	@scripts/lint $(BUILD)

format: ## let clang-format rewrite all C files
	@scripts/setup --check lint
	find src systemd cli nsinit nsrun include tests bench -name '*.[ch]' -exec clang-format -i {} +

install: all ## install under PREFIX (default /usr/local), below DESTDIR
	@meson configure $(BUILD) -Dprefix=$(PREFIX)
	meson install -C $(BUILD) --destdir "$(DESTDIR)"
	@[ -n "$(DESTDIR)" ] || [ "$$(id -u)" -ne 0 ] || ldconfig

clean: ## remove the build directories
	rm -rf $(BUILD) $(BUILD_DEV)

help: ## this list
	@sed -n 's/^\([a-z-]*\):[^#]*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 12
