/* Sessions in a file: one client at a time, and the next one needs no handshake. */
#include "check.h"

int main(int argc, char **argv)
{
	coapgw_options options = COAPGW_OPTIONS_INIT;
	coapgw_client client, second;
	char *why;

	CHECK(argc == 2);
	options.state_file = argv[1];
	client = open_client(&options);
	CHECK(coapgw_open(getenv("PAIRING"), &options, &second, &why) == COAPGW_ESTATE);
	CHECK(second == 0);
	say(why);
	coapgw_string_free(why);
	CHECK(get(client, "/_matrix/client/versions") == COAPGW_OK);
	CHECK(coapgw_close(client, NULL) == COAPGW_OK);
	client = open_client(&options);
	CHECK(get(client, "/_matrix/client/versions") == COAPGW_OK);
	CHECK(coapgw_close(client, NULL) == COAPGW_OK);
	return 0;
}
