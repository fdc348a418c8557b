/*
 * Requests that do not end by themselves, and what ends them; sleep, and another network.
 * The test drives the steps by lines on standard input.
 */
#include "check.h"

#define HANG "/_matrix/client/v3/hang"
#define SILENT "/_matrix/client/v3/silent"
#define VERSIONS "/_matrix/client/versions"

struct hanging {
	coapgw_client client;
	const char *path;
	uint64_t tag;
	uint32_t timeout_ms;
	int error;
	pthread_t thread;
};

static void *hang(void *argument)
{
	struct hanging *h = argument;
	coapgw_request request = COAPGW_REQUEST_INIT;
	coapgw_response *response;

	request.path = h->path;
	request.tag = h->tag;
	request.timeout_ms = h->timeout_ms;
	h->error = coapgw_exchange(h->client, &request, &response, NULL);
	CHECK(response == NULL);
	return NULL;
}

static void begin(struct hanging *h, coapgw_client client, const char *path, uint64_t tag, uint32_t timeout_ms)
{
	h->client = client;
	h->path = path;
	h->tag = tag;
	h->timeout_ms = timeout_ms;
	CHECK(pthread_create(&h->thread, NULL, hang, h) == 0);
}

static int end(struct hanging *h)
{
	CHECK(pthread_join(h->thread, NULL) == 0);
	return h->error;
}

int main(void)
{
	coapgw_client client = open_client(NULL);
	struct hanging a, b, c;
	uint32_t canceled;

	/* Its own time. */
	CHECK(get(client, VERSIONS) == COAPGW_OK);
	begin(&a, client, SILENT, 0, 50);
	CHECK(end(&a) == COAPGW_ETIMEDOUT);

	/* Cancellation, of those with the tag alone. */
	begin(&a, client, HANG, 7, 0);
	begin(&b, client, HANG, 7, 0);
	begin(&c, client, HANG, 8, 0);
	say("three hang");
	wait_line();
	CHECK(coapgw_cancel(client, 9, &canceled) == COAPGW_OK && canceled == 0);
	CHECK(coapgw_cancel(client, 7, &canceled) == COAPGW_OK && canceled == 2);
	CHECK(end(&a) == COAPGW_ECANCELED);
	CHECK(end(&b) == COAPGW_ECANCELED);

	/* Sleep ends the third. */
	CHECK(coapgw_suspend(client, NULL) == COAPGW_OK);
	CHECK(end(&c) == COAPGW_ESUSPENDED);
	CHECK(coapgw_suspend(client, NULL) == COAPGW_OK);
	CHECK(get(client, VERSIONS) == COAPGW_ESUSPENDED);
	say("asleep");
	wait_line();
	CHECK(coapgw_resume(client) == COAPGW_OK);
	CHECK(coapgw_resume(client) == COAPGW_OK);
	CHECK(get(client, VERSIONS) == COAPGW_OK);

	/* Another network. */
	say("awake");
	wait_line();
	CHECK(coapgw_network_changed(client) == COAPGW_OK);
	CHECK(get(client, VERSIONS) == COAPGW_OK);

	/* Closing ends what hangs. */
	begin(&a, client, HANG, 0, 0);
	begin(&b, client, HANG, 1, 1000 * 1000);
	say("two hang");
	wait_line();
	CHECK(coapgw_close(client, NULL) == COAPGW_OK);
	CHECK(end(&a) == COAPGW_ECLOSED);
	CHECK(end(&b) == COAPGW_ECLOSED);
	CHECK(coapgw_resume(client) == COAPGW_EHANDLE);

	/* A client that was never used, and one that sleeps, close as well. */
	CHECK(coapgw_close(open_client(NULL), NULL) == COAPGW_OK);
	client = open_client(NULL);
	CHECK(coapgw_suspend(client, NULL) == COAPGW_OK);
	CHECK(coapgw_close(client, NULL) == COAPGW_OK);
	return 0;
}
