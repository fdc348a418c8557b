/* Keeps an answer, the message of an error, or memory of its own: valgrind must say so. */
#include "check.h"

static void keep_response(coapgw_client client)
{
	coapgw_request request = COAPGW_REQUEST_INIT;
	coapgw_response *response;

	request.path = "/_matrix/client/versions";
	CHECK(coapgw_exchange(client, &request, &response, NULL) == COAPGW_OK);
	CHECK(response->status == 200);
}

static void keep_message(coapgw_client client)
{
	coapgw_request request = COAPGW_REQUEST_INIT;
	coapgw_response *response;
	char *why;

	CHECK(coapgw_exchange(client, &request, &response, &why) == COAPGW_EINVAL);
	CHECK(why != NULL);
}

static void keep_own(void)
{
	char *volatile own = malloc(1000);

	CHECK(own != NULL);
	own = NULL;
	(void)own;
}

int main(int argc, char **argv)
{
	coapgw_client client = open_client(NULL);

	CHECK(argc == 2);
	if (strcmp(argv[1], "response") == 0)
		keep_response(client);
	else if (strcmp(argv[1], "message") == 0)
		keep_message(client);
	else if (strcmp(argv[1], "own") == 0)
		keep_own();
	else
		CHECK(strcmp(argv[1], "nothing") == 0);
	CHECK(coapgw_close(client, NULL) == COAPGW_OK);
	return 0;
}
