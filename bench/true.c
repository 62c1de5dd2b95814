/* The program every candidate starts: the smallest that still is an ordinary static executable. */
int main(void)
{
    return 0;
}
