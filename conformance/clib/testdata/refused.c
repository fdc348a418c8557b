/* A gateway that does not know the key: prints what a program is told, and logs. */
#include "check.h"

static void logged(void *user, int level, const char *line)
{
	coapgw_client client;

	CHECK(user == (void *)1); /* no pointer, and none of the library's business */
	CHECK(level == COAPGW_LEVEL_WARNING);
	CHECK(coapgw_open(getenv("PAIRING"), NULL, &client, NULL) == COAPGW_EDEADLK);
	printf("log: %s\n", line);
	fflush(stdout);
}

int main(void)
{
	coapgw_options options = COAPGW_OPTIONS_INIT;
	coapgw_request request = COAPGW_REQUEST_INIT;
	coapgw_response *response;
	coapgw_client client;
	char *why;
	int error;

	options.log = logged;
	options.log_user = (void *)1;
	client = open_client(&options);
	request.path = "/_matrix/client/versions";
	error = coapgw_exchange(client, &request, &response, &why);
	CHECK(error != COAPGW_OK);
	printf("error %d: %s\n", error, why);
	coapgw_string_free(why);
	CHECK(coapgw_close(client, NULL) == COAPGW_OK);
	return 0;
}
