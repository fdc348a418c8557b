/* Keeps an answer, the message of an error, or memory of its own; uses an answer that it has
 * freed, or frees memory twice: valgrind must say so. */
#include "check.h"

static void keep_response(coapgw_client client)
{
	coapgw_request request = COAPGW_REQUEST_INIT;
	coapgw_response *response;

	request.path = "/_matrix/client/versions";
	CHECK(coapgw_exchange(client, &request, &response, NULL) == COAPGW_OK);
	CHECK(response->status == 200);
}

static void use_freed(coapgw_client client)
{
	coapgw_request request = COAPGW_REQUEST_INIT;
	coapgw_response *response;
	volatile int status;

	request.path = "/_matrix/client/versions";
	CHECK(coapgw_exchange(client, &request, &response, NULL) == COAPGW_OK);
	coapgw_response_free(response);
	status = *(volatile int *)&response->status;
	(void)status;
}

static void free_twice(void)
{
	void *volatile own = malloc(1000);

	free(own);
	free(own);
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

/* Go's memory may hold words that look like the address of one that is lost. */
enum { OFTEN = 20 };

int main(int argc, char **argv)
{
	coapgw_client client = open_client(NULL);
	int i;

	CHECK(argc == 2);
	if (strcmp(argv[1], "response") == 0)
		for (i = 0; i < OFTEN; i++)
			keep_response(client);
	else if (strcmp(argv[1], "message") == 0)
		for (i = 0; i < OFTEN; i++)
			keep_message(client);
	else if (strcmp(argv[1], "own") == 0)
		for (i = 0; i < OFTEN; i++)
			keep_own();
	else if (strcmp(argv[1], "used") == 0)
		use_freed(client);
	else if (strcmp(argv[1], "twice") == 0)
		free_twice();
	else
		CHECK(strcmp(argv[1], "nothing") == 0);
	CHECK(coapgw_close(client, NULL) == COAPGW_OK);
	return 0;
}
