/* Says where it stands, and waits for a line, so that the test can look at its memory. */
#include "check.h"

int main(int argc, char **argv)
{
	coapgw_options options = COAPGW_OPTIONS_INIT;
	coapgw_client client;
	int i;

	CHECK(argc == 2);
	options.device = atoi(argv[1]);
	client = open_client(&options);
	say("open");
	wait_line();
	for (i = 0; i < 50; i++)
		CHECK(get(client, "/_matrix/client/versions") == COAPGW_OK);
	say("used");
	wait_line();
	CHECK(coapgw_close(client, NULL) == COAPGW_OK);
	return 0;
}
