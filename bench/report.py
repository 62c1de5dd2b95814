"""Showing the figures: a table on the terminal, a CSV file and an SVG chart per measurement."""

import csv
import os
from html import escape

BAR = 22  # height of a bar, and the unit of the chart's layout
STEP = 34
LEFT = 190
WIDTH = 860
PLOT = 420
RSS_GRAIN = 256  # KiB; the kernel keeps resident sets in per-CPU batches, so less is noise

STYLE = """
  .page { fill: #ffffff } .text { fill: #1f2328 } .dim { fill: #59636e } .grid { stroke: #d8dee4 }
  .floor { fill: #8c959f } .ours { fill: #0969da } .peer { fill: #c4ccd4 } .tick { stroke: #1f2328 }
  text { font: 13px system-ui, -apple-system, 'Segoe UI', Helvetica, Arial, sans-serif }
  .title { font-size: 16px; font-weight: 600 } .small { font-size: 11px } .strong { font-weight: 600 }
  @media (prefers-color-scheme: dark) {
    .page { fill: #0d1117 } .text { fill: #e6edf3 } .dim { fill: #9198a1 } .grid { stroke: #30363d }
    .floor { fill: #767e87 } .ours { fill: #4493f8 } .peer { fill: #3d444d } .tick { stroke: #e6edf3 }
  }
"""


def ratio(value, base):
    """value in units of base, or nothing when there is no base."""
    return f"{value / base:.2f}" if base else ""


def rows_of(rows, summaries, columns):
    """Table cells: the candidate's label, then what each column's function says of it."""
    for row in rows:
        if row.key in summaries:
            yield [row.label, *(column(row, summaries[row.key]) for _, column in columns)]


def run_columns(summaries, base="floor"):
    """The columns of the start and join tables."""
    floor = summaries[base].median if base in summaries else 0
    crun = summaries["crun"].median if "crun" in summaries else 0
    return [
        ("median ms", lambda row, s: f"{s.median:.2f}"),
        ("min ms", lambda row, s: f"{s.minimum:.2f}"),
        ("p90 ms", lambda row, s: f"{s.p90:.2f}"),
        ("x floor", lambda row, s: ratio(s.median, floor)),
        ("x crun", lambda row, s: ratio(s.median, crun)),
        ("cpu ms", lambda row, s: f"{s.cpu:.2f}"),
        ("peak KiB", lambda row, s: str(s.rss_kb) if s.rss_kb >= RSS_GRAIN else f"<{RSS_GRAIN}"),
        ("syscalls", lambda row, s: str(s.calls or "")),
        ("cgroups", lambda row, s: row.groups),
        ("masks", lambda row, s: row.masks),
    ]


def print_table(title, header, cells):
    """Aligned columns, the first to the left and the others to the right."""
    table = [header, *cells]
    widths = [max(len(line[i]) for line in table) for i in range(len(header))]
    print(f"\n{title}")
    for number, line in enumerate(table):
        first = line[0].ljust(widths[0])
        print("  " + "  ".join([first, *(cell.rjust(w) for cell, w in zip(line[1:], widths[1:]))]))
        if number == 0:
            print("  " + "  ".join("-" * width for width in widths))


def write_csv(path, header, cells):
    """The same cells, for programs."""
    with open(path, "w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(cells)


def grid_step(limit):
    """A round distance that gives three to seven grid lines."""
    step = 10.0 ** -3
    while True:
        for factor in (1, 2, 5):
            if limit / (step * factor) <= 7:
                return step * factor
        step *= 10


def svg_grid(limit, unit, bottom):
    """Vertical lines with their values below."""
    step, value, parts = grid_step(limit), 0.0, []
    while value <= limit:
        x = LEFT + PLOT * value / limit
        parts.append(f'<line class="grid" x1="{x:.1f}" y1="68" x2="{x:.1f}" y2="{bottom}"/>')
        label = f"{value:g} {unit}" if value else "0"
        parts.append(
            f'<text class="dim small" x="{x:.1f}" y="{bottom + 16}" text-anchor="middle">{label}</text>'
        )
        value = round(value + step, 6)
    return parts


def svg_bar(index, bar, limit):
    """One bar: label, length, tick at the minimum, value."""
    label, kind, value, tick, note = bar
    y = 76 + index * STEP
    length = max(1.0, PLOT * value / limit)
    weight = " strong" if kind == "ours" else ""
    middle = y + BAR / 2 + 4.5
    parts = [
        f'<text class="text{weight}" x="{LEFT - 12}" y="{middle}" text-anchor="end">{escape(label)}</text>',
        f'<rect class="{kind}" x="{LEFT}" y="{y}" width="{length:.1f}" height="{BAR}" rx="3"/>',
        f'<text class="text{weight}" x="{LEFT + length + 10:.1f}" y="{middle}">{escape(note)}</text>',
    ]
    if tick is not None:
        x = LEFT + PLOT * tick / limit
        line = f'x1="{x:.1f}" y1="{y - 3}" x2="{x:.1f}" y2="{y + BAR + 3}"'
        parts.append(f'<line class="tick" {line} stroke-width="2"/>')
    return parts


def write_svg(path, title, subtitle, bars, unit="ms"):
    """Horizontal bars; bars are (label, kind, value, tick or None, text at the bar's end)."""
    limit = max(bar[2] for bar in bars) * 1.02
    bottom = 76 + len(bars) * STEP
    height = bottom + 30
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}"'
        f' height="{height}" role="img" aria-label="{escape(title)}">',
        f"<style>{STYLE}</style>",
        f'<rect class="page" width="{WIDTH}" height="{height}" rx="8"/>',
        f'<text class="text title" x="24" y="32">{escape(title)}</text>',
        f'<text class="dim small" x="24" y="52">{escape(subtitle)}</text>',
        *svg_grid(limit, unit, bottom),
    ]
    for index, bar in enumerate(bars):
        parts += svg_bar(index, bar, limit)
    with open(path, "w", encoding="utf-8") as out:
        out.write("\n".join([*parts, "</svg>"]) + "\n")


def run_bars(rows, summaries, base="floor"):
    """Median bars with the minimum as a tick, fastest first."""
    floor = summaries[base].median if base in summaries else 0
    bars = []
    for row in sorted((r for r in rows if r.key in summaries), key=lambda r: summaries[r.key].median):
        s = summaries[row.key]
        note = f"{s.median:.2f} ms" + (f" \u00b7 {s.median / floor:.1f} x floor" if floor else "")
        bars.append((row.label, row.kind, s.median, s.minimum, note))
    return bars


def show_runs(out, name, title, rows, summaries):
    """Table, CSV and chart of one measurement of single runs."""
    if not summaries:
        return
    columns = run_columns(summaries)
    header = ["candidate", *(name for name, _ in columns)]
    cells = list(rows_of(rows, summaries, columns))
    print_table(title, header, cells)
    write_csv(os.path.join(out, name + ".csv"), header, cells)
    subtitle = "Median of interleaved runs; the tick is the minimum. Compare ratios, not milliseconds."
    write_svg(os.path.join(out, name + ".svg"), title, subtitle, run_bars(rows, summaries))


def show_throughput(out, title, rows, totals, starts):
    """Table, CSV and chart of the throughput; totals are the medians in ms by candidate."""
    live = [row for row in rows if row.key in totals]
    if not live:
        return
    header = ["candidate", "all ms", "starts/s", "x floor", "x crun"]
    base = [totals.get(key, 0) for key in ("floor", "crun")]
    cells, bars = [], []
    for row in sorted(live, key=lambda r: totals[r.key]):
        total = totals[row.key]
        rate = f"{starts * 1000 / total:.0f}"
        cells.append([row.label, f"{total:.1f}", rate, *(ratio(total, b) for b in base)])
        bars.append((row.label, row.kind, starts * 1000 / total, None, rate + " starts/s"))
    print_table(title, header, cells)
    write_csv(os.path.join(out, "throughput.csv"), header, cells)
    subtitle = "Median of interleaved batches; longer is better."
    write_svg(os.path.join(out, "throughput.svg"), title, subtitle, bars, "/s")
