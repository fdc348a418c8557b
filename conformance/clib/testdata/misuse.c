/* Every function with what it must not be given: each says so, and nothing else happens. */
#include "check.h"

static int never(void *user, const coapgw_event *event)
{
	(void)user;
	(void)event;
	CHECK(!"called");
	return 1;
}

/* Checks that a failure stores nothing but a sentence. */
#define FAILS(code, call)                         \
	do {                                      \
		char *why = NULL;                 \
		int error = call;                 \
		if (error != (code))              \
			fprintf(stderr, "%d %s\n", error, why != NULL ? why : ""); \
		CHECK(error == (code));           \
		CHECK(why != NULL && *why != 0);  \
		coapgw_string_free(why);          \
	} while (0)

static void handles(void)
{
	static const uint64_t wrong[] = { 0, 77, UINT64_MAX };
	coapgw_request request = COAPGW_REQUEST_INIT;
	coapgw_response *response = (coapgw_response *)&request;
	coapgw_observation observation = 5;
	uint32_t canceled = 5;
	size_t i;

	request.path = "/_matrix/client/v3/sync";
	for (i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		FAILS(COAPGW_EHANDLE, coapgw_exchange(wrong[i], &request, &response, &why));
		CHECK(response == NULL);
		FAILS(COAPGW_EHANDLE, coapgw_observe(wrong[i], &request, never, NULL, &observation, &why));
		CHECK(observation == 0);
		FAILS(COAPGW_EHANDLE, coapgw_suspend(wrong[i], &why));
		FAILS(COAPGW_EHANDLE, coapgw_close(wrong[i], &why));
		CHECK(coapgw_cancel(wrong[i], 1, &canceled) == COAPGW_EHANDLE && canceled == 0);
		CHECK(coapgw_resume(wrong[i]) == COAPGW_EHANDLE);
		CHECK(coapgw_network_changed(wrong[i]) == COAPGW_EHANDLE);
		CHECK(coapgw_unobserve(wrong[i]) == COAPGW_EHANDLE);
	}
}

static void open_refuses(void)
{
	const char *pairing = getenv("PAIRING");
	char *endless = malloc((1 << 20) + 1);
	coapgw_options options = COAPGW_OPTIONS_INIT;
	coapgw_client client = 7;
	struct {
		coapgw_options options;
		uint64_t later;
	} newer = { COAPGW_OPTIONS_INIT, 0 };

	CHECK(endless != NULL);
	memset(endless, 'x', 1 << 20);
	endless[1 << 20] = 0;
	CHECK(coapgw_open(pairing, NULL, NULL, NULL) == COAPGW_EINVAL);
	FAILS(COAPGW_EINVAL, coapgw_open(NULL, NULL, &client, &why));
	CHECK(client == 0);
	FAILS(COAPGW_EINVAL, coapgw_open("", NULL, &client, &why));
	FAILS(COAPGW_EINVAL, coapgw_open("coapgw:1:AAAA", NULL, &client, &why));
	FAILS(COAPGW_EINVAL, coapgw_open("\xff\xfe", NULL, &client, &why));
	FAILS(COAPGW_EINVAL, coapgw_open(endless, NULL, &client, &why));
	options.size = 0;
	FAILS(COAPGW_EINVAL, coapgw_open(pairing, &options, &client, &why));
	options.size = (size_t)-1;
	FAILS(COAPGW_EINVAL, coapgw_open(pairing, &options, &client, &why));
	options.size = sizeof options;
	options.link = "pigeon";
	FAILS(COAPGW_EINVAL, coapgw_open(pairing, &options, &client, &why));
	options.link = "\xff";
	FAILS(COAPGW_EINVAL, coapgw_open(pairing, &options, &client, &why));
	options.link = NULL;
	options.device = -1;
	FAILS(COAPGW_EINVAL, coapgw_open(pairing, &options, &client, &why));
	options.device = 77;
	FAILS(COAPGW_EINVAL, coapgw_open(pairing, &options, &client, &why));
	options.device = COAPGW_DEVICE_SMALL;
	options.max_body = UINT64_MAX;
	FAILS(COAPGW_EINVAL, coapgw_open(pairing, &options, &client, &why));
	options.max_body = 0;
	options.state_key_file = "key";
	FAILS(COAPGW_EINVAL, coapgw_open(pairing, &options, &client, &why));
	options.state_key_file = NULL;
	options.state_file = "/nowhere/at/all";
	FAILS(COAPGW_ESTATE, coapgw_open(pairing, &options, &client, &why));

	/* A header of the future may have more members, as long as they ask for nothing. */
	newer.options.size = sizeof newer;
	CHECK(coapgw_open(pairing, &newer.options, &client, NULL) == COAPGW_OK);
	CHECK(coapgw_close(client, NULL) == COAPGW_OK);
	newer.later = 1;
	FAILS(COAPGW_EINVAL, coapgw_open(pairing, &newer.options, &client, &why));
	CHECK(client == 0);
	free(endless);
}

static void exchange_refuses(coapgw_client client)
{
	static char path[65537];
	coapgw_request request = COAPGW_REQUEST_INIT;
	coapgw_response *response;

	CHECK(coapgw_exchange(client, &request, NULL, NULL) == COAPGW_EINVAL);
	FAILS(COAPGW_EINVAL, coapgw_exchange(client, NULL, &response, &why));
	FAILS(COAPGW_EINVAL, coapgw_exchange(client, &request, &response, &why)); /* no path */
	request.path = "no/slash";
	FAILS(COAPGW_EINVAL, coapgw_exchange(client, &request, &response, &why));
	request.path = "/%zz";
	FAILS(COAPGW_EINVAL, coapgw_exchange(client, &request, &response, &why));
	request.path = "/\xff";
	FAILS(COAPGW_EINVAL, coapgw_exchange(client, &request, &response, &why));
	memset(path, 'a', sizeof path - 1);
	path[0] = '/';
	request.path = path;
	FAILS(COAPGW_EINVAL, coapgw_exchange(client, &request, &response, &why));

	request.path = "/_matrix/client/v3/echo";
	request.size = 8;
	FAILS(COAPGW_EINVAL, coapgw_exchange(client, &request, &response, &why));
	request.size = sizeof request;
	request.method = "BAD METHOD";
	FAILS(COAPGW_EINVAL, coapgw_exchange(client, &request, &response, &why));
	request.method = "PUT";
	request.token = "two\r\nlines";
	FAILS(COAPGW_EINVAL, coapgw_exchange(client, &request, &response, &why));
	request.token = NULL;
	request.format = 4;
	FAILS(COAPGW_EINVAL, coapgw_exchange(client, &request, &response, &why));
	request.format = -1;
	FAILS(COAPGW_EINVAL, coapgw_exchange(client, &request, &response, &why));
	request.format = COAPGW_FORMAT_JSON;
	request.content_type = "text/plain";
	FAILS(COAPGW_EINVAL, coapgw_exchange(client, &request, &response, &why));
	request.content_type = NULL;
	request.body_size = 3;
	FAILS(COAPGW_EINVAL, coapgw_exchange(client, &request, &response, &why)); /* no body */
	request.body = "{{{";
	FAILS(COAPGW_EBODY, coapgw_exchange(client, &request, &response, &why));
	request.format = COAPGW_FORMAT_CBOR;
	request.body = "\xff\xff\xff";
	FAILS(COAPGW_EBODY, coapgw_exchange(client, &request, &response, &why));
	request.format = COAPGW_FORMAT_BYTES;
	FAILS(COAPGW_EINVAL, coapgw_exchange(client, &request, &response, &why)); /* no type */
	request.content_type = "text/plain\r\nX: y";
	FAILS(COAPGW_EINVAL, coapgw_exchange(client, &request, &response, &why));
	request.content_type = NULL;
	request.format = COAPGW_FORMAT_JSON;
	request.body_size = (size_t)-1;
	FAILS(COAPGW_ETOOLARGE, coapgw_exchange(client, &request, &response, &why));
	CHECK(response == NULL);
	CHECK(coapgw_cancel(client, 0, NULL) == COAPGW_EINVAL);
	CHECK(coapgw_cancel(client, 1, NULL) == COAPGW_OK);
}

static void observe_refuses(coapgw_client client)
{
	coapgw_request what = COAPGW_REQUEST_INIT;
	coapgw_observation observation;
	void *user = (void *)1; /* no pointer, and none of the library's business */

	what.path = "/_matrix/client/v3/sync";
	CHECK(coapgw_observe(client, &what, never, user, NULL, NULL) == COAPGW_EINVAL);
	FAILS(COAPGW_EINVAL, coapgw_observe(client, &what, NULL, user, &observation, &why));
	FAILS(COAPGW_EINVAL, coapgw_observe(client, NULL, never, user, &observation, &why));
	what.path = "/_matrix/client/versions";
	FAILS(COAPGW_EINVAL, coapgw_observe(client, &what, never, user, &observation, &why));
	what.path = "/~/room"; /* neither an ID nor an alias */
	FAILS(COAPGW_EINVAL, coapgw_observe(client, &what, never, user, &observation, &why));
	what.path = "/~/!r:h?k=0";
	FAILS(COAPGW_EINVAL, coapgw_observe(client, &what, never, user, &observation, &why));
	what.path = "/_matrix/client/v3/sync";
	what.method = "POST";
	FAILS(COAPGW_EINVAL, coapgw_observe(client, &what, never, user, &observation, &why));
	what.method = NULL;
	what.format = COAPGW_FORMAT_BYTES;
	FAILS(COAPGW_EINVAL, coapgw_observe(client, &what, never, user, &observation, &why));
	CHECK(observation == 0);
}

int main(void)
{
	coapgw_client client;
	int error;

	CHECK(coapgw_abi_version() == COAPGW_ABI_VERSION);
	CHECK(strcmp(coapgw_version(), "v1.2.3") == 0);
	for (error = -1; error <= COAPGW_EINTERNAL + 1; error++)
		CHECK(*coapgw_error_text(error) != 0);
	CHECK(strcmp(coapgw_error_text(COAPGW_EINTERNAL), coapgw_error_text(COAPGW_EINTERNAL + 1)) != 0);
	coapgw_string_free(NULL);
	coapgw_response_free(NULL);

	handles();
	open_refuses();
	client = open_client(NULL);
	CHECK(coapgw_unobserve(client) == COAPGW_EHANDLE);
	exchange_refuses(client);
	observe_refuses(client);
	CHECK(get(client, "/_matrix/client/versions") == COAPGW_OK);
	CHECK(coapgw_close(client, NULL) == COAPGW_OK);
	CHECK(coapgw_close(client, NULL) == COAPGW_EHANDLE);
	CHECK(get(client, "/_matrix/client/versions") == COAPGW_EHANDLE);
	handles();
	return 0;
}
