/* Linked by the tests against a program interpreter that does not exist inside the container. */
int main(void)
{
    return 0;
}
