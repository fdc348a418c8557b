/* A child of fork is told that it may not use the library. */
#include "check.h"

#include <sys/wait.h>

static int never(void *user, const coapgw_event *event)
{
	(void)user;
	(void)event;
	return 1;
}

static void child(coapgw_client client)
{
	coapgw_request request = COAPGW_REQUEST_INIT;
	coapgw_response *response;
	coapgw_observation observation;
	coapgw_client another;

	request.path = "/_matrix/client/versions";
	CHECK(coapgw_exchange(client, &request, &response, NULL) == COAPGW_EFORKED);
	CHECK(coapgw_open(getenv("PAIRING"), NULL, &another, NULL) == COAPGW_EFORKED);
	CHECK(coapgw_observe(client, &request, never, NULL, &observation, NULL) == COAPGW_EFORKED);
	CHECK(coapgw_unobserve(1) == COAPGW_EFORKED);
	CHECK(coapgw_cancel(client, 1, NULL) == COAPGW_EFORKED);
	CHECK(coapgw_suspend(client, NULL) == COAPGW_EFORKED);
	CHECK(coapgw_resume(client) == COAPGW_EFORKED);
	CHECK(coapgw_network_changed(client) == COAPGW_EFORKED);
	CHECK(coapgw_close(client, NULL) == COAPGW_EFORKED);
	CHECK(coapgw_abi_version() == COAPGW_ABI_VERSION);
}

int main(void)
{
	coapgw_client client = open_client(NULL);
	int status;
	pid_t pid;

	CHECK(get(client, "/_matrix/client/versions") == COAPGW_OK);
	pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		child(client);
		_exit(0);
	}
	CHECK(waitpid(pid, &status, 0) == pid);
	CHECK(status == 0);
	CHECK(get(client, "/_matrix/client/versions") == COAPGW_OK);
	CHECK(coapgw_close(client, NULL) == COAPGW_OK);
	return 0;
}
