/*
 * coapgw.h - Matrix over CoAP and DTLS, for C
 *
 * A client of `coapgw serve`: it makes requests of the Matrix client-server API
 * over a link on which each byte counts, and hears of what is new there.
 *
 * Strings       are UTF-8 and end with a zero byte. Those that go in are read
 *               before the function returns and are never kept.
 * NULL          is allowed only where it is said what it means; elsewhere it is
 *               answered with COAPGW_EINVAL.
 * Ownership     What a function stores through a pointer to a pointer belongs
 *               to the caller: a coapgw_response goes back with
 *               coapgw_response_free, a message with coapgw_string_free. What a
 *               callback is given belongs to the library and is gone when the
 *               callback returns. No other memory changes hands; free(3) is not
 *               for any of it.
 * Errors        Functions that can fail return COAPGW_OK, which is 0, or another
 *               coapgw_error. Their last parameter, why, may be NULL; otherwise
 *               *why is NULL after success, and after a failure a sentence for
 *               a person, without keys or tokens, or NULL where memory is out.
 *               Other results are stored only on success, and are 0 or NULL
 *               after a failure.
 * Threads       Every function may be called from any thread at any time, while
 *               others are under way on the same client too. Callbacks come on
 *               threads of the library: those of one observation one after
 *               another, those of different ones at once.
 * In callbacks  every function may be called, requests included, except those
 *               that wait for callbacks: coapgw_close and coapgw_unobserve
 *               return COAPGW_EDEADLK there. From a coapgw_log_fn every function
 *               with a client, and coapgw_open, returns that. A callback must
 *               return: no longjmp, no exception of C++, no pthread_exit, no
 *               cancellation of its thread.
 * Handles       are numbers that are never used again, so one that is wrong,
 *               closed or of the other kind is answered with COAPGW_EHANDLE.
 * fork          The child of a fork must not use the library, and should do
 *               nothing but exec: every function with a client, and
 *               coapgw_open, returns COAPGW_EFORKED there.
 * Unloading     is not possible; dlclose(3) leaves the library where it is.
 * Signals       The library has handlers for SIGURG, SIGPIPE and faults
 *               (SIGSEGV, SIGBUS, SIGFPE), which pass on what is not for Go to
 *               those that were there before. A program installs its own with
 *               SA_ONSTACK.
 */
#ifndef COAPGW_H
#define COAPGW_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * The version of this interface, and the number in the name of the shared
 * library. It changes when a program would have to be compiled again; that
 * members are added at the end of a struct, and functions and numbers to the
 * others, does not change it.
 */
#define COAPGW_ABI_VERSION 1

/* What coapgw_abi_version returns for the library that is linked. */
uint32_t coapgw_abi_version(void);

/* The version of coapgw, such as "v1.2.3"; for people. Static. */
const char *coapgw_version(void);

/* What a program can do about a failure. */
typedef enum coapgw_error {
	COAPGW_OK = 0,
	COAPGW_EINVAL = 1,    /* an argument is wrong: correct the program */
	COAPGW_EHANDLE = 2,   /* no such client or observation, or it was closed */
	COAPGW_ECLOSED = 3,   /* the client was closed meanwhile */
	COAPGW_ECANCELED = 4, /* by coapgw_cancel, or the callback's own wish */
	COAPGW_ETIMEDOUT = 5, /* no answer in time; it may have been carried out, so
	                         repeat it with the same transaction id */
	COAPGW_ELINK = 6,     /* the link failed: repeat it later */
	COAPGW_EBUSY = 7,     /* too much is waiting for the link: repeat it later */
	COAPGW_ESECURITY = 8, /* the gateway or the key was refused: pair again */
	COAPGW_ETOOLARGE = 9, /* the request or its answer exceeds a limit */
	COAPGW_EBODY = 10,    /* a body is not what its format says */
	COAPGW_ESTATE = 11,   /* the state file cannot be used, or is in use */
	COAPGW_EREFUSED = 12, /* the homeserver refused, and will again */
	COAPGW_ESUSPENDED = 13, /* the client sleeps: coapgw_resume */
	COAPGW_EDEADLK = 14,  /* not from this callback */
	COAPGW_EFORKED = 15,  /* not after a fork */
	COAPGW_ENOMEM = 16,   /* no memory for the result */
	COAPGW_EINTERNAL = 17 /* a fault of the library: please report it */
} coapgw_error;

/* A few words on a coapgw_error; static, never NULL. */
const char *coapgw_error_text(int error);

/* Frees a message; NULL does nothing. */
void coapgw_string_free(char *message);

/* A client, and an observation of it. 0 is none. */
typedef uint64_t coapgw_client;
typedef uint64_t coapgw_observation;

/*
 * How bodies look on this side. On the link they are always as short as both
 * ends can make them.
 */
typedef enum coapgw_format {
	COAPGW_FORMAT_JSON = 0,     /* JSON */
	COAPGW_FORMAT_CBOR = 1,     /* CBOR (RFC 8949), keys of maps as text */
	COAPGW_FORMAT_CBOR_KEYS = 2,/* CBOR, keys as the integers of MSC3079 where
	                               it has one, as text elsewhere */
	COAPGW_FORMAT_BYTES = 3     /* what content_type says */
} coapgw_format;

/* Levels of a line of the log. */
typedef enum coapgw_level {
	COAPGW_LEVEL_DEBUG = -4,
	COAPGW_LEVEL_INFO = 0,
	COAPGW_LEVEL_WARNING = 4,
	COAPGW_LEVEL_ERROR = 8
} coapgw_level;

/* What there is to spend on making messages short. */
typedef enum coapgw_device {
	COAPGW_DEVICE_HANDHELD = 0, /* 5 MB of memory, some milliseconds each */
	COAPGW_DEVICE_SMALL = 1,    /* nothing: messages are larger */
	COAPGW_DEVICE_DESKTOP = 2   /* all that the link bears */
} coapgw_device;

/*
 * Takes a line of the log, without keys, tokens or bodies. It comes on any
 * thread, several at once, and keeps the library waiting. The line is gone when
 * it returns.
 */
typedef void (*coapgw_log_fn)(void *user, int level, const char *line);

/*
 * Options of a client. Begin with COAPGW_OPTIONS_INIT; 0 and NULL are the
 * defaults.
 */
typedef struct coapgw_options {
	size_t size; /* sizeof(coapgw_options) */
	/* The kind of link: a name such as "geo-vsat", or "base=geo-vsat,..." with
	   differences; NULL for a link of the Internet. */
	const char *link;
	/* A file where sessions outlive the process, so that the next one goes on
	   without a handshake; NULL keeps nothing. Only one client at a time may
	   have it open, and a copy must never be put back. */
	const char *state_file;
	/* The file of the key under which state_file is encrypted, which is made
	   when there is none; NULL for the name of state_file with ".key". */
	const char *state_key_file;
	/* The longest body of an answer, in bytes, up to 256 MiB; 0 for 16 MiB. */
	uint64_t max_body;
	/* Takes the log, from coapgw_open until coapgw_close has returned; NULL
	   discards it. log_user is handed to it. */
	coapgw_log_fn log;
	void *log_user;
	/* The least level that it takes. */
	int log_level;
	/* A coapgw_device. */
	int device;
} coapgw_options;

#define COAPGW_OPTIONS_INIT { sizeof(coapgw_options), NULL, NULL, NULL, 0, NULL, NULL, COAPGW_LEVEL_INFO, COAPGW_DEVICE_HANDHELD }

/*
 * Readies a client by a pairing line, which `coapgw keygen psk` prints; it holds
 * the key. Nothing goes over the link before the first request. options may be
 * NULL. COAPGW_EINVAL, COAPGW_ESTATE.
 */
int coapgw_open(const char *pairing, const coapgw_options *options, coapgw_client *client, char **why);

/*
 * Ends a client: requests under way fail with COAPGW_ECLOSED, observations end,
 * and when it returns no callback runs any more and none will. The session stays
 * in the state file, if there is one. Whoever comes second gets COAPGW_EHANDLE,
 * maybe before the first has returned. COAPGW_EDEADLK, COAPGW_EHANDLE; after
 * COAPGW_ESTATE the client is closed too.
 */
int coapgw_close(coapgw_client client, char **why);

/* A request. Begin with COAPGW_REQUEST_INIT; 0 and NULL are the defaults. */
typedef struct coapgw_request {
	size_t size; /* sizeof(coapgw_request) */
	/* The method of HTTP; NULL for GET. */
	const char *method;
	/* Path and query, escaped, beginning with "/"; up to 65535 bytes. */
	const char *path;
	/* The access token; NULL for none. */
	const char *token;
	/* body_size bytes, up to 64 MiB; NULL if that is 0, for a request without a
	   body. */
	const void *body;
	size_t body_size;
	/* A coapgw_format: what body is, and what an answer in JSON is turned
	   into. With COAPGW_FORMAT_BYTES such an answer stays JSON. */
	int format;
	/* The type of a body of COAPGW_FORMAT_BYTES, such as "image/png"; else
	   NULL. */
	const char *content_type;
	/* How long to wait for the answer, in milliseconds; 0 until the link is given
	   up, which takes minutes on fast links and hours on the slowest. */
	uint32_t timeout_ms;
	/* A number by which coapgw_cancel finds the request; 0 for none. Several
	   may have the same. */
	uint64_t tag;
} coapgw_request;

#define COAPGW_REQUEST_INIT { sizeof(coapgw_request), NULL, NULL, NULL, NULL, 0, COAPGW_FORMAT_JSON, NULL, 0, 0 }

/* An answer, whatever its status. */
typedef struct coapgw_response {
	size_t size; /* of this struct, as the library knows it */
	/* The status of HTTP. */
	int status;
	/* A coapgw_format: what body is. */
	int format;
	/* The type of the body as the homeserver sent it; "" for none. */
	const char *content_type;
	/* body_size bytes, and a zero byte behind them, which does not count. Never
	   NULL. */
	const void *body;
	size_t body_size;
} coapgw_response;

/*
 * Makes a request and waits for its answer, which goes back with
 * coapgw_response_free. An answer with an error of HTTP is an answer like others.
 * A request to /sync that goes on from a "since" is answered from what the
 * gateway pushes, and costs nothing on the link while there is nothing new.
 *
 * COAPGW_EINVAL, COAPGW_EHANDLE, COAPGW_ECLOSED, COAPGW_ECANCELED,
 * COAPGW_ETIMEDOUT, COAPGW_ELINK, COAPGW_EBUSY, COAPGW_ESECURITY,
 * COAPGW_ETOOLARGE, COAPGW_EBODY, COAPGW_ESUSPENDED, COAPGW_ENOMEM.
 */
int coapgw_exchange(coapgw_client client, const coapgw_request *request, coapgw_response **response, char **why);

/* Frees an answer; NULL does nothing. */
void coapgw_response_free(coapgw_response *response);

/*
 * Has all requests of a client under way that bear the tag, which is not 0, fail
 * with COAPGW_ECANCELED; those that are made later are not touched. What was
 * sent may have been carried out. Stores in *canceled, if it is not NULL, how
 * many there were.
 */
int coapgw_cancel(coapgw_client client, uint64_t tag, uint32_t *canceled);

/* What a callback hears of. */
typedef enum coapgw_event_kind {
	COAPGW_EVENT_DATA = 1,    /* an answer with something new; of a room: an event */
	COAPGW_EVENT_TROUBLE = 2, /* it failed, and is being tried again */
	COAPGW_EVENT_END = 3,     /* the last event of the observation */
	COAPGW_EVENT_GAP = 4      /* of a room: events were skipped here */
} coapgw_event_kind;

/* An event; all of it is gone when the callback returns. */
typedef struct coapgw_event {
	size_t size; /* of this struct, as the library knows it */
	coapgw_observation observation;
	int kind; /* a coapgw_event_kind */
	/* A coapgw_error: COAPGW_OK with DATA and GAP; what failed with TROUBLE; why it
	   ended with END, COAPGW_ECANCELED if that was wished for. */
	int error;
	/* The status of HTTP, 0 where there was no answer. */
	int status;
	/* A coapgw_format: what body is. */
	int format;
	/* As in coapgw_response; body is NULL where there was no answer. */
	const void *body;
	size_t body_size;
	/* The token from which to go on after this event, "since" of a later
	   request; of a room its mark, "s". NULL where the answer has none. */
	const char *next;
	/* A sentence on error; NULL with DATA and GAP. */
	const char *message;
	/* Of a room, with GAP: how many events were skipped; 0 for an unknown number. */
	uint64_t skipped;
	/* Of a room, with DATA: 1 if the event does not fit, else 0; and how many bytes
	   are missing of the last text in body, 0 where a field is missing as a whole. */
	int cut;
	uint64_t missing;
} coapgw_event;

/*
 * Takes an event. Keep it short: the next one waits. Returns 0 to hear on, and
 * anything else to end the observation, which is followed by COAPGW_EVENT_END.
 */
typedef int (*coapgw_event_fn)(void *user, const coapgw_event *event);

/*
 * Observes what `what` asks for. tag, timeout_ms and body are not for it.
 *
 * A GET of /sync: first the answer to it as it is, then whatever is new, each
 * answer going on from the one before, without a question on the link. `since` in
 * the query goes on from an earlier event.
 *
 * A GET of /~/ROOM, of a room by its ID or alias: what happens there from now on, an
 * event at a time, each of which is an object of the fields "sender" (without ":" a
 * user of one's own homeserver) and "body". It costs less than /sync and needs no
 * filter. The query may ask for more, as in "/~/%23lab:example.org?n=3&f=sender,body":
 * t=TYPE, f=FIELD,..., m=BYTES, n=LAST, s=MARK, o=0 and l=i, as "Room stream" in
 * docs/wire-v1.md says; without m an event is as long as a message of the link takes.
 * `s` goes on from an earlier event.
 *
 * After success there is exactly one COAPGW_EVENT_END, and nothing after it:
 * from then on user is not touched. It may come before coapgw_observe returns.
 * Failures that may pass are tried again within a second and then more and more
 * seldom, down to every five minutes, or when the homeserver says; others end it.
 *
 * COAPGW_EINVAL, COAPGW_EHANDLE.
 */
int coapgw_observe(coapgw_client client, const coapgw_request *what, coapgw_event_fn event, void *user,
                   coapgw_observation *observation, char **why);

/*
 * Ends an observation and waits until its last callback, COAPGW_EVENT_END, has
 * returned. COAPGW_EHANDLE if that was before, COAPGW_EDEADLK in a callback,
 * which ends its own observation by what it returns.
 */
int coapgw_unobserve(coapgw_observation observation);

/*
 * For devices that sleep: closes the socket and stops all timers, and keeps the
 * session, in the state file or in memory. Requests fail with COAPGW_ESUSPENDED
 * until coapgw_resume, those under way too; observations wait for it. Suspending
 * twice does no harm. COAPGW_EHANDLE, COAPGW_ESTATE.
 */
int coapgw_suspend(coapgw_client client, char **why);

/* Goes on after coapgw_suspend, with the session and without a handshake. */
int coapgw_resume(coapgw_client client);

/*
 * Says that the device is in another network: the session goes on from a new
 * socket (Connection ID, RFC 9146).
 */
int coapgw_network_changed(coapgw_client client);

#ifdef __cplusplus
}
#endif

#endif /* COAPGW_H */
