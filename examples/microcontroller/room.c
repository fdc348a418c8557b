/* A Matrix client for small machines, on libcoap, for wire version 1 (docs/wire-v1.md, "The
 * least that a client needs"). It logs in, joins a room, sends each line of its standard
 * input there, and prints what others say. A lost session is replaced by another; no message
 * is lost with it, and none is sent twice. README.md says how to run it. */
#include "cbor.h"
#include "msc3079.h"
#include <coap3/coap.h>
#include <netdb.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define PATIENCE 100 /* s for an answer: more than MAX_TRANSMIT_WAIT (RFC 7252 section 4.8.2) */
#define PAUSE 5      /* s before another session; doubles up to an hour while sessions are of no use */
#define LONGEST "m=200" /* bytes of an event in the stream: as fits a frame of the link */
#ifndef REFRESH
#define REFRESH 900 /* s of silence until the observation is renewed: Max-Age of the stream */
#endif
enum { MARK = -1, SKIPPED = -2, MISSING = -3 }; /* keys of the room stream beside those of MSC3079 */

struct request {
    unsigned method;
    const char *path[4], *query[3]; /* up to the first NULL */
    const uint8_t *body, *end;      /* NULL if there is none */
    int observe, key; /* key: of the text in the answer that is kept */
    char *place;      /* where it is kept; NULL if nothing is */
    size_t size;      /* bytes there */
};

struct client {
    const char *user, *password;
    char access_token[512], room[256];
    char line[512], transaction[32]; /* what is to be sent; empty if nothing is */
    unsigned lines;                  /* that were read */
    int input;                       /* file they come from, -1 after its end */
    coap_context_t *context;
    coap_session_t *session;
    int told;                        /* what the session was told: 1 the version, 2 the access token too */
    int lost;                        /* the session is of no use any more */
    uint64_t asked, observation;     /* tokens of the request that waits and of the observation; 0 if there is none */
    const struct request *request;   /* that waits */
    unsigned code, max_age;          /* of its answer; code is 0 before */
    unsigned sequence;               /* of the newest notification, ~0 before the first */
    uint64_t mark;                   /* of the newest event that has come */
    char since[32];                  /* query with the mark from which the observation began */
    time_t heard;                    /* when the observation was last heard of */
    unsigned pause;                  /* s before the next session */
};

static volatile sig_atomic_t stop;
static void on_signal(int signal) { stop = signal; }

/* Prints a text of others without what a terminal would take for a command. */
static void print(FILE *to, struct cbor text, const char *end)
{
    for (; text.at < text.end; text.at++) putc(*text.at < ' ' || *text.at == 127 ? '?' : *text.at, to);
    fputs(end, to);
}

static void print_event(struct client *c, struct cbor event)
{
    struct cbor sender, body;
    uint64_t n;
    if (!cbor_get_uint(event, MARK, &n) || n == c->mark) return; /* a copy of what has come */
    c->mark = n;
    if (cbor_get_uint(event, SKIPPED, &n)) printf("(left out: %u messages)\n", (unsigned)n);
    if (cbor_get_text(event, MSC3079_KEY_SENDER, &sender) && cbor_get_text(event, MSC3079_KEY_BODY, &body)) {
        print(stdout, sender, ": ");
        print(stdout, body, cbor_get_uint(event, MISSING, &n) ? "...\n" : "\n");
    }
    fflush(stdout);
}

static unsigned option(const coap_pdu_t *pdu, coap_option_num_t number, unsigned otherwise)
{
    coap_opt_iterator_t at;
    coap_opt_t *o = coap_check_option(pdu, number, &at);
    return o ? coap_decode_var_bytes(coap_opt_value(o), coap_opt_length(o)) : otherwise;
}

static coap_response_t on_response(coap_session_t *s, const coap_pdu_t *sent, const coap_pdu_t *got, const coap_mid_t mid)
{
    struct client *c = coap_session_get_app_data(s);
    unsigned code = coap_pdu_get_code(got), sequence = option(got, COAP_OPTION_OBSERVE, ~0u);
    uint64_t token = coap_decode_var_bytes8(coap_pdu_get_token(got).s, coap_pdu_get_token(got).length);
    struct cbor body = {NULL, NULL}, error = {NULL, NULL};
    size_t length = 0, offset, total;
    (void)sent, (void)mid;
    if (token != c->asked && token != c->observation) return COAP_RESPONSE_FAIL; /* Reset (RFC 7641 section 3.6) */
    if (coap_get_data_large(got, &length, &body.at, &offset, &total)) body.end = body.at + length;
    if (code >> 5 != 2) {
        if (!cbor_get_text(body, MSC3079_KEY_ERRCODE, &error)) error.at = error.end;
        fprintf(stderr, "answer %u.%02u ", code >> 5, code & 31);
        print(stderr, error, "\n");
        if (code == COAP_RESPONSE_CODE(401)) c->access_token[0] = 0, c->lost = 1;
        if (token == c->observation) c->observation = 0, c->heard = 0; /* it is over (RFC 7641 section 3.2) */
    } else if (token != c->observation) {
        c->lost |= c->request->place && !cbor_copy_text(body, c->request->key, c->request->place, c->request->size);
    } else if (c->sequence == ~0u || ((sequence - c->sequence - 1) & 0xffffff) < 0x7fffff) { /* RFC 7641 section 3.4 */
        c->heard = time(NULL), c->sequence = sequence;
        if (token != c->asked || !c->mark) print_event(c, body); /* else serve may be behind: an acknowledgement was lost */
    }
    if (token == c->asked) c->code = code, c->max_age = option(got, COAP_OPTION_MAXAGE, 60), c->asked = 0;
    return COAP_RESPONSE_OK;
}

/* Is told that a message was not acknowledged or was reset, or that the handshake failed. */
static void on_nack(coap_session_t *s, const coap_pdu_t *sent, const coap_nack_reason_t reason, const coap_mid_t mid)
{
    struct client *c = coap_session_get_app_data(s);
    (void)sent, (void)mid;
    if (c && reason != COAP_NACK_ICMP_ISSUE) c->lost = 1; /* ICMP may be forged */
}

static int on_event(coap_session_t *s, const coap_event_t event)
{
    struct client *c = coap_session_get_app_data(s);
    if (c && (event == COAP_EVENT_DTLS_CLOSED || event == COAP_EVENT_DTLS_ERROR)) c->lost = 1;
    return 0;
}

/* Lets libcoap work for so many seconds, or until there is an answer. */
static void work(struct client *c, unsigned seconds)
{
    time_t end = time(NULL) + seconds;
    for (c->code = 0; !c->code && !c->lost && !stop && time(NULL) < end;) coap_io_process(c->context, 1000);
}

static void add(coap_pdu_t *pdu, coap_option_num_t number, const char *text)
{
    coap_add_option(pdu, number, strlen(text), (const uint8_t *)text);
}

static void add_uint(coap_pdu_t *pdu, coap_option_num_t number, unsigned n)
{
    uint8_t bytes[4];
    coap_add_option(pdu, number, coap_encode_var_safe(bytes, sizeof bytes, n), bytes);
}

/* Makes a request and waits for its answer. Returns whether it is a good one. */
static int ask(struct client *c, const struct request *r)
{
    uint8_t token[8];
    size_t i, length;
    int knows = c->access_token[0] ? 2 : 1;
    for (c->request = r; !c->lost && !stop; work(c, c->max_age)) { /* once more if not now (RFC 8516) */
        coap_pdu_t *pdu = coap_new_pdu(COAP_MESSAGE_CON, (coap_pdu_code_t)r->method, c->session);
        if (!pdu) break;
        coap_session_new_token(c->session, &length, token); /* none of our own: libcoap counts them for blocks too */
        c->asked = r->observe && c->observation ? c->observation : coap_decode_var_bytes8(token, length);
        if (r->observe) c->observation = c->asked; /* the same token renews it */
        coap_add_token(pdu, coap_encode_var_safe8(token, sizeof token, c->asked), token);
        if (r->observe) add_uint(pdu, COAP_OPTION_OBSERVE, COAP_OBSERVE_ESTABLISH);
        for (i = 0; i < 4 && r->path[i]; i++) add(pdu, COAP_OPTION_URI_PATH, r->path[i]);
        if (r->body) add_uint(pdu, COAP_OPTION_CONTENT_FORMAT, COAP_MEDIATYPE_APPLICATION_CBOR);
        for (i = 0; i < 3 && r->query[i]; i++) add(pdu, COAP_OPTION_URI_QUERY, r->query[i]);
        if (c->told < 2 && knows == 2) add(pdu, MSC3079_OPTION_ACCESS_TOKEN, c->access_token);
        if (c->told < 1) add_uint(pdu, MSC3079_OPTION_VERSION, MSC3079_VERSION);
        if (r->body) coap_add_data(pdu, (size_t)(r->end - r->body), r->body);
        if (coap_send(c->session, pdu) == COAP_INVALID_MID) break;
        work(c, PATIENCE);
        if (!c->code) break;
        if (c->told < knows) c->told = knows;
        if (c->code >> 5 < 5 && c->code != COAP_RESPONSE_CODE(429)) return !c->lost && c->code >> 5 == 2;
    }
    c->lost = 1;
    return 0;
}

static void put_pair(struct cbor_out *out, unsigned key, const char *value)
{
    cbor_put_uint(out, key);
    cbor_put_text(out, value);
}

static int log_in(struct client *c)
{
    uint8_t body[400];
    struct cbor_out out = {body, body + sizeof body, 0};
    cbor_put_map(&out, 4);
    put_pair(&out, MSC3079_KEY_TYPE, "m.login.password");
    put_pair(&out, MSC3079_KEY_DEVICE_ID, "coapgw-room"); /* always the same, so that they do not pile up */
    put_pair(&out, MSC3079_KEY_PASSWORD, c->password);
    cbor_put_uint(&out, MSC3079_KEY_IDENTIFIER);
    cbor_put_map(&out, 2);
    put_pair(&out, MSC3079_KEY_TYPE, "m.id.user");
    put_pair(&out, MSC3079_KEY_USER, c->user);
    const struct request r = {COAP_REQUEST_POST, {MSC3079_PATH_LOGIN}, {NULL}, body, out.at, 0,
                              MSC3079_KEY_ACCESS_TOKEN, c->access_token, sizeof c->access_token};
    return !out.full && ask(c, &r);
}

/* Joins the room, by its ID or an alias; who is in it may join again. */
static int join(struct client *c, const char *room)
{
    const uint8_t empty_map = 0xa0;
    const struct request r = {COAP_REQUEST_POST, {MSC3079_PATH_JOIN, room}, {NULL}, &empty_map, &empty_map + 1, 0,
                              MSC3079_KEY_ROOM_ID, c->room, sizeof c->room};
    return ask(c, &r);
}

/* Observes the room stream, from where the client is. */
static int observe(struct client *c)
{
    if (!c->observation && c->mark) snprintf(c->since, sizeof c->since, "s=%llu", (unsigned long long)c->mark);
    const struct request r = {COAP_REQUEST_GET, {"~", c->room}, {"o=0", LONGEST, c->since[0] ? c->since : NULL},
                              NULL, NULL, 1, 0, NULL, 0};
    return ask(c, &r);
}

/* Sends the line. With one transaction ID it is sent once, however often it is tried. */
static int say(struct client *c)
{
    uint8_t body[600];
    struct cbor_out out = {body, body + sizeof body, 0};
    cbor_put_map(&out, 2);
    put_pair(&out, MSC3079_KEY_MSGTYPE, "m.text");
    put_pair(&out, MSC3079_KEY_BODY, c->line);
    const struct request r = {COAP_REQUEST_PUT, {MSC3079_PATH_ROOMS_SEND, c->room, "m.room.message", c->transaction}, {NULL},
                              body, out.at, 0, 0, NULL, 0};
    return !out.full && ask(c, &r);
}

/* Uses a session until it is lost. */
static void talk(struct client *c, const char *room)
{
    if (!(c->access_token[0] || log_in(c)) || !(c->room[0] || join(c, room))) return;
    while (!c->lost && !stop) {
        struct pollfd ready[2] = {{coap_context_get_coap_fd(c->context), POLLIN, 0}, {c->input, POLLIN, 0}};
        if (time(NULL) - c->heard > REFRESH && !observe(c)) return;
        c->pause = PAUSE;
        if (c->line[0] && (say(c) || (c->code >> 5 == 4 && !c->lost))) c->line[0] = 0;
        if (c->lost || c->line[0]) continue;
        poll(ready, 2, 1000);
        if (ready[1].revents) {
            if (!fgets(c->line, sizeof c->line, stdin)) c->input = -1, c->line[0] = 0;
            c->line[strcspn(c->line, "\n")] = 0;
            snprintf(c->transaction, sizeof c->transaction, "%lx.%u", (unsigned long)time(NULL), c->lines++);
        }
        coap_io_process(c->context, COAP_IO_NO_WAIT);
    }
}

/* Reads the line that coapgw keygen psk writes: identity, colon, key in hexadecimal. */
static int read_psk(coap_dtls_cpsk_info_t *psk, const char *line)
{
    static uint8_t key[64];
    const char *at = line ? strrchr(line, ':') : NULL;
    if (!at) return 0;
    psk->identity.s = (const uint8_t *)line, psk->identity.length = (size_t)(at - line);
    for (psk->key.s = key, at++; psk->key.length < sizeof key && sscanf(at, "%2hhx", key + psk->key.length) == 1; at += 2)
        psk->key.length++;
    return psk->key.length >= 16;
}

int main(int argc, char **argv)
{
    static struct client c;
    struct addrinfo hints = {.ai_socktype = SOCK_DGRAM}, *found;
    coap_dtls_cpsk_t setup = {.version = COAP_DTLS_CPSK_SETUP_VERSION};
    coap_address_t server;
    c.user = getenv("MATRIX_USER"), c.password = getenv("MATRIX_PASSWORD"), c.pause = PAUSE;
    if (argc != 4 || !read_psk(&setup.psk_info, getenv("PSK")) || !c.user || !c.password)
        return fputs("usage: PSK=identity:key MATRIX_USER=... MATRIX_PASSWORD=... room HOST PORT ROOM\n", stderr), 2;
    if (getaddrinfo(argv[1], argv[2], &hints, &found) != 0) return fputs("no such host\n", stderr), 1;
    coap_address_init(&server);
    memcpy(&server.addr, found->ai_addr, server.size = found->ai_addrlen);
    freeaddrinfo(found);
    signal(SIGINT, on_signal), signal(SIGTERM, on_signal);
    setvbuf(stdin, NULL, _IONBF, 0); /* so that poll knows of each line */
    coap_startup();
    c.context = coap_new_context(NULL);
    coap_context_set_block_mode(c.context, COAP_BLOCK_USE_LIBCOAP | COAP_BLOCK_SINGLE_BODY);
    coap_register_response_handler(c.context, on_response);
    coap_register_nack_handler(c.context, on_nack);
    coap_register_event_handler(c.context, on_event);
    for (; !stop; c.pause = c.pause < 3600 ? 2 * c.pause : 3600) {
        c.told = c.lost = 0, c.asked = c.observation = 0, c.sequence = ~0u, c.heard = 0;
        c.session = coap_new_client_session_psk2(c.context, NULL, &server, COAP_PROTO_DTLS, &setup);
        if (c.session) coap_session_set_app_data(c.session, &c), talk(&c, argv[3]);
        coap_session_release(c.session); /* its farewell ends the observation too */
        c.lost = 0, work(&c, c.pause);
    }
    coap_free_context(c.context);
    coap_cleanup();
    return 0;
}
