/*
 * berth-session: keeps one session's transfer log.
 */
int
main(void)
{
	return 1;
}
