/*
 * Calls the function that the library, built for this, panics in, and prints the message
 * of the failure. Functions without one are as good as their code.
 */
#include "check.h"

static int failed(int error, char *why)
{
	CHECK(error == COAPGW_EINTERNAL);
	CHECK(why != NULL);
	say(why);
	coapgw_string_free(why);
	return 0;
}

/* For functions that store no message. */
static int failed_silently(int error)
{
	CHECK(error == COAPGW_EINTERNAL);
	say(coapgw_error_text(error));
	return 0;
}

static int heard(void *user, const coapgw_event *event)
{
	int *ends = user;

	if (event->kind != COAPGW_EVENT_END) { /* where another function panics */
		CHECK(strcmp(getenv("COAPGW_PROVOKE"), "observation") != 0);
		return 0;
	}
	CHECK(event->error == COAPGW_EINTERNAL);
	say(event->message);
	(*ends)++;
	return 0;
}

static int calls(const char *name)
{
	coapgw_request request = COAPGW_REQUEST_INIT;
	coapgw_response *response;
	coapgw_observation observation;
	coapgw_client client = 0;
	char *why;
	int ends = 0;
	int error = coapgw_open(getenv("PAIRING"), NULL, &client, &why);

	if (strcmp(name, "coapgw_open") == 0)
		return failed(error, why);
	CHECK(error == COAPGW_OK);
	if (strcmp(name, "coapgw_close") == 0) {
		error = coapgw_close(client, &why);
		return failed(error, why);
	}

	request.path = "/_matrix/client/versions";
	error = coapgw_exchange(client, &request, &response, &why);
	if (strcmp(name, "coapgw_exchange") == 0)
		return failed(error, why);
	CHECK(error == COAPGW_OK);
	coapgw_response_free(response);

	request.path = "/_matrix/client/v3/sync";
	request.token = getenv("TOKEN");
	error = coapgw_observe(client, &request, heard, &ends, &observation, &why);
	if (strcmp(name, "coapgw_observe") == 0)
		return failed(error, why);
	if (strcmp(name, "observation") == 0) {
		CHECK(error == COAPGW_OK);
		CHECK(coapgw_close(client, NULL) == COAPGW_OK);
		CHECK(ends == 1);
		return 0;
	}
	if (strcmp(name, "coapgw_unobserve") == 0)
		return failed_silently(coapgw_unobserve(77));
	if (strcmp(name, "coapgw_cancel") == 0)
		return failed_silently(coapgw_cancel(client, 1, NULL));
	if (strcmp(name, "coapgw_suspend") == 0) {
		error = coapgw_suspend(client, &why);
		return failed(error, why);
	}
	if (strcmp(name, "coapgw_resume") == 0)
		return failed_silently(coapgw_resume(client));
	if (strcmp(name, "coapgw_network_changed") == 0)
		return failed_silently(coapgw_network_changed(client));
	CHECK(!"no such function");
	return 1;
}

int main(int argc, char **argv)
{
	CHECK(argc == 2);
	return calls(argv[1]);
}
