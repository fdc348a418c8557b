/* As much of CBOR (RFC 8949) as MSC3079 takes of a client: maps, text and integers. Nothing is
 * copied or allocated, and what is read may come from anyone. */
#pragma once

#include <stdint.h>
#include <string.h>

/* Items to read, one after the other; or the bytes of a text. */
struct cbor {
    const uint8_t *at, *end;
};

/* A buffer to write to. What does not fit sets full. */
struct cbor_out {
    uint8_t *at, *end;
    int full;
};

enum { CBOR_UINT, CBOR_NEGATIVE, CBOR_BYTES, CBOR_TEXT, CBOR_ARRAY, CBOR_MAP, CBOR_TAG }; /* major types */

static inline size_t cbor_left(const struct cbor *c) { return (size_t)(c->end - c->at); }

/* Reads the head of an item, its major type and its argument (RFC 8949 section 3). This and all
 * readers return whether the item is there, whole and of that kind. Items of indefinite length,
 * which coapgw never writes, are of no kind. */
static inline int cbor_head(struct cbor *c, unsigned *major, uint64_t *n)
{
    unsigned info, size;
    if (cbor_left(c) == 0) return 0;
    *major = *c->at >> 5;
    *n = info = *c->at++ & 31;
    if (info < 24) return 1;
    if (info > 27 || cbor_left(c) < (size = 1u << (info - 24))) return 0;
    for (*n = 0; size > 0; size--) *n = *n << 8 | *c->at++;
    return 1;
}

/* Goes over an item and all that is in it. */
static inline int cbor_skip(struct cbor *c)
{
    uint64_t items, n;
    unsigned major;
    for (items = 1; items > 0; items--) {
        if (!cbor_head(c, &major, &n)) return 0;
        if (major >= CBOR_BYTES && major <= CBOR_MAP && n > cbor_left(c)) return 0; /* an element takes a byte at least */
        if (major == CBOR_BYTES || major == CBOR_TEXT) c->at += n;
        if (major == CBOR_ARRAY || major == CBOR_MAP) items += n * (major - 3);
        if (major == CBOR_TAG) items++;
    }
    return 1;
}

/* Finds the value of a key of a map, which is an integer. */
static inline int cbor_get(struct cbor c, int key, struct cbor *value)
{
    unsigned major, kind = key < 0 ? CBOR_NEGATIVE : CBOR_UINT;
    uint64_t pairs, n = 0, argument = (uint64_t)(key < 0 ? -1 - key : key);
    if (!cbor_head(&c, &major, &pairs) || major != CBOR_MAP) return 0;
    for (; pairs > 0; pairs--) {
        struct cbor k = c;
        int found = cbor_head(&k, &major, &n) && major == kind && n == argument;
        if (!cbor_skip(&c)) return 0;
        *value = c;
        if (!cbor_skip(&c)) return 0;
        if (found) return 1;
    }
    return 0;
}

static inline int cbor_get_text(struct cbor map, int key, struct cbor *text)
{
    unsigned major;
    uint64_t n;
    if (!cbor_get(map, key, text) || !cbor_head(text, &major, &n) || major != CBOR_TEXT) return 0;
    text->end = text->at + n;
    return 1;
}

static inline int cbor_copy_text(struct cbor map, int key, char *place, size_t size)
{
    struct cbor text;
    if (!cbor_get_text(map, key, &text) || cbor_left(&text) >= size) return 0;
    memcpy(place, text.at, cbor_left(&text));
    place[cbor_left(&text)] = 0;
    return 1;
}

static inline int cbor_get_uint(struct cbor map, int key, uint64_t *n)
{
    struct cbor c;
    unsigned major;
    return cbor_get(map, key, &c) && cbor_head(&c, &major, n) && major == CBOR_UINT;
}

/* Writes the head of an item, and as many bytes as follow it here. */
static inline void cbor_put(struct cbor_out *out, unsigned major, uint64_t n, const char *bytes, size_t length)
{
    unsigned power = n <= 0xff ? 0 : n <= 0xffff ? 1 : n <= 0xffffffff ? 2 : 3;
    unsigned size = n < 24 ? 0 : 1u << power;
    out->full |= (size_t)(out->end - out->at) < 1 + size + length;
    if (out->full) return;
    *out->at++ = (uint8_t)(major << 5 | (size > 0 ? 24 + power : (unsigned)n));
    while (size > 0) *out->at++ = (uint8_t)(n >> 8 * --size);
    if (length > 0) memcpy(out->at, bytes, length);
    out->at += length;
}

static inline void cbor_put_uint(struct cbor_out *out, uint64_t n) { cbor_put(out, CBOR_UINT, n, NULL, 0); }
static inline void cbor_put_map(struct cbor_out *out, uint64_t pairs) { cbor_put(out, CBOR_MAP, pairs, NULL, 0); }
static inline void cbor_put_text(struct cbor_out *out, const char *t) { cbor_put(out, CBOR_TEXT, strlen(t), t, strlen(t)); }
