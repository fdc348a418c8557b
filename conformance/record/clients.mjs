// The clients in JavaScript of one server: matrix-js-sdk and matrix-bot-sdk. They read
// their plan from standard input and live by it; see doc.go.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import * as sdk from "matrix-js-sdk";
import { decodeRecoveryKey } from "matrix-js-sdk/lib/crypto-api/index.js";

const plan = JSON.parse(readFileSync(0, "utf8"));
const log = (...what) => process.stderr.write(what.join(" ") + "\n");
for (const level of ["debug", "info", "log", "warn", "trace", "error"]) console[level] = () => {};
// What the libraries expect of a newer Node.
Promise.withResolvers ??= function () {
    let resolve, reject;
    const promise = new Promise((a, b) => { resolve = a; reject = b; });
    return { promise, resolve, reject };
};
process.on("unhandledRejection", (e) => log("unhandled:", e?.message ?? e));

// Chance, the same for a server every time.
let state = [...plan.name].reduce((h, c) => Math.imul(h ^ c.charCodeAt(0), 16777619), 2166136261);
function random() {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
}
const below = (n) => Math.floor(random() * n);
const chance = (p) => random() < p;
const pick = (list) => list[below(list.length)];
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
const pause = () => sleep(120 + below(260));
function shuffle(list) {
    const out = [...list];
    for (let i = out.length - 1; i > 0; i--) {
        const j = below(i + 1);
        [out[i], out[j]] = [out[j], out[i]];
    }
    return out;
}

// Texts, each once until all were said. A hash stands for a digit.
const all = plan.languages.flatMap((l) => plan.texts[l]);
let deck = [];
const fill = (text) => text.replace(/#/g, () => below(10));
function text() {
    if (!deck.length) deck = shuffle(all);
    let out = fill(deck.pop());
    if (chance(0.12) && deck.length) out += " " + fill(deck.pop());
    if (chance(0.08)) out += " " + pick(["👍", "🙂", "⚓", "📻", "😅", "🌊", "🙏", "🎉"]);
    return out;
}
const words = (n) => text().split(" ").slice(0, n).join(" ");

// attempt goes on where the server refuses: the recording has its answer.
async function attempt(what, f) {
    try {
        return await f();
    } catch (e) {
        log(what + ":", e?.message ?? e);
    }
}

const idOf = (u) => `@${u.name}:${plan.name}`;
const flows = { type: "m.login.password" };

async function until(what, f, ms = 20000) {
    for (const end = Date.now() + ms; Date.now() < end; await sleep(50)) {
        const found = f();
        if (found) return found;
    }
    log("gave up waiting for", what);
}

// --- matrix-js-sdk ---

async function account(u) {
    const c = sdk.createClient({ baseUrl: u.baseUrl });
    await c.getVersions();
    if (u.register) {
        const body = { username: u.name, password: u.password, initial_device_display_name: u.device };
        await attempt("available", () => c.isUsernameAvailable(u.name));
        let session;
        try {
            return await c.registerRequest(body);
        } catch (e) {
            session = e.data?.session;
        }
        return c.registerRequest({ ...body, auth: { type: "m.login.dummy", session } });
    }
    await c.loginFlows();
    return c.loginRequest({
        ...flows, identifier: { type: "m.id.user", user: u.name }, password: u.password,
        initial_device_display_name: u.device,
    });
}

async function start(u, credentials, encrypted = true) {
    let key;
    const c = sdk.createClient({
        baseUrl: u.baseUrl, userId: credentials.user_id, accessToken: credentials.access_token,
        deviceId: credentials.device_id, timelineSupport: true,
        cryptoCallbacks: {
            getSecretStorageKey: async ({ keys }) => (key ? [Object.keys(keys)[0], key] : null),
            cacheSecretStorageKey: (_id, _info, k) => { key = k; },
        },
    });
    c.setRecoveryKey = (k) => { key = k; };
    if (encrypted) await c.initRustCrypto({ useIndexedDB: false });
    const ready = new Promise((done) => c.once("sync", done));
    await c.startClient({ initialSyncLimit: u.limit ?? 20, lazyLoadMembers: true, threadSupport: true, pollTimeout: 30000 });
    await ready;
    const js = { user: u, id: credentials.user_id, client: c, credentials };
    c.on("RoomMember.membership", (_e, m) => {
        if (m.userId === js.id && m.membership === "invite") {
            pause().then(() => attempt("join", () => c.joinRoom(m.roomId)));
        }
    });
    return js;
}

const authenticate = (u) => async (request) => {
    try {
        return await request(null);
    } catch (e) {
        return request({
            ...flows, identifier: { type: "m.id.user", user: u.name }, user: u.name, password: u.password,
            session: e.data?.session,
        });
    }
};

async function crossSign(js) {
    const crypto = js.client.getCrypto();
    await crypto.bootstrapCrossSigning({ authUploadDeviceSigningKeys: authenticate(js.user) });
    const made = await crypto.createRecoveryKeyFromPassphrase();
    js.recovery = made.encodedPrivateKey;
    await crypto.bootstrapSecretStorage({ createSecretStorageKey: async () => made, setupNewKeyBackup: true });
}

// what an application does when it comes up
async function open(js) {
    const c = js.client;
    await attempt("whoami", () => c.whoami());
    await attempt("profile", () => c.getProfileInfo(js.id));
    await attempt("devices", () => c.getDevices());
    await attempt("pushers", () => c.getPushers());
    await attempt("turn", () => c.turnServer());
    await attempt("display name", () => c.setDisplayName(js.user.display));
    await attempt("media config", () => c.getMediaConfig());
    if (plan.presence) await attempt("presence", () => c.setPresence({ presence: "online", status_msg: words(5) }));
}

const events = (js, room) => js.client.getRoom(room)?.getLiveTimeline().getEvents() ?? [];
const last = (js, room) =>
    events(js, room).findLast((e) => !e.isState() && !e.isRedacted() && !e.status && e.getType() !== "m.reaction" && e.getSender() !== js.id);

async function upload(js, type, name, size) {
    const body = Buffer.alloc(size, 0).map(() => below(256));
    return (await js.client.uploadContent(new Blob([body]), { type, name })).content_uri;
}

async function file(js) {
    const size = 300 + below(2500);
    switch (below(4)) {
        case 0: {
            const url = await upload(js, "image/jpeg", undefined, size);
            return { msgtype: "m.image", body: `IMG_${below(9000) + 1000}.jpg`, url, info: { mimetype: "image/jpeg", w: 800 + below(3200), h: 600 + below(2400), size, "xyz.amorgan.blurhash": "L6PZfSi_.AyE_3t7t7R**0o#DgR4" } };
        }
        case 1: {
            const name = words(2).replace(/[^\p{L}\d]+/gu, "_") + ".pdf";
            return { msgtype: "m.file", body: name, filename: name, url: await upload(js, "application/pdf", name, size), info: { mimetype: "application/pdf", size } };
        }
        case 2:
            return { msgtype: "m.audio", body: "voice.ogg", url: await upload(js, "audio/ogg", "voice.ogg", size), info: { mimetype: "audio/ogg", duration: below(60000), size }, "org.matrix.msc3245.voice": {}, "org.matrix.msc1767.audio": { duration: below(60000), waveform: Array.from({ length: 12 }, () => below(1024)) } };
        default: {
            const at = `geo:${(random() * 120 - 60).toFixed(5)},${(random() * 300 - 150).toFixed(5)};u=${below(40)}`;
            return { msgtype: "m.location", body: words(4) + " " + at, geo_uri: at, "m.ts": Date.now(), "m.location": { uri: at, description: words(3) }, "m.asset": { type: "m.self" } };
        }
    }
}

// turn: one says something, the others notice
async function turn(speaker, others, room) {
    const c = speaker.client;
    const before = last(speaker, room);
    if (chance(0.2)) await attempt("typing", () => c.sendTyping(room, true, 20000));
    await pause();
    let sent;
    const dice = below(100);
    const say = (extra = {}) => ({ msgtype: "m.text", body: text(), "m.mentions": {}, ...extra });
    if (dice < 12 && before) {
        const body = text();
        const content = { msgtype: "m.text", body, "m.mentions": { user_ids: [before.getSender()] }, "m.relates_to": { "m.in_reply_to": { event_id: before.getId() } } };
        if (dice < 4) { // as clients wrote it before: with what is replied to
            const quoted = before.getContent().body ?? "";
            content.body = `> <${before.getSender()}> ${quoted.split("\n")[0]}\n\n${body}`;
            content.format = "org.matrix.custom.html";
            content.formatted_body = `<mx-reply><blockquote><a href="https://matrix.to/#/${room}/${before.getId()}">In reply to</a> <a href="https://matrix.to/#/${before.getSender()}">${before.getSender()}</a><br>${quoted}</blockquote></mx-reply>${body}`;
        }
        sent = await attempt("reply", () => c.sendMessage(room, content));
    } else if (dice < 20 && before) {
        const root = before.threadRootId ?? before.getId();
        sent = await attempt("thread", () => c.sendMessage(room, root, say()));
    } else if (dice < 25) {
        sent = await attempt("file", async () => c.sendMessage(room, await file(speaker)));
    } else if (dice < 30) {
        sent = await attempt("html", () => {
            const [a, b] = [text(), text()];
            return c.sendMessage(room, say({ body: `**${a}**\n\n- ${b}`, format: "org.matrix.custom.html", formatted_body: `<p><strong>${a}</strong></p>\n<ul>\n<li>${b}</li>\n</ul>\n` }));
        });
    } else if (dice < 33) {
        sent = await attempt("command", () => c.sendMessage(room, say({ body: pick(["!wx", "!help", "!pos", "!status", "!list"]) + " " + words(2) })));
    } else if (dice < 35) {
        sent = await attempt("emote", () => c.sendEmoteMessage(room, words(6)));
    } else if (dice < 37) {
        sent = await attempt("poll", () => c.sendEvent(room, "org.matrix.msc3381.poll.start", {
            "org.matrix.msc1767.text": text(),
            "org.matrix.msc3381.poll.start": { kind: "org.matrix.msc3381.poll.disclosed", max_selections: 1, question: { "org.matrix.msc1767.text": text() }, answers: ["a", "b", "c"].map((id) => ({ id, "org.matrix.msc1767.text": words(3) })) },
        }));
    } else if (dice < 43) {
        sent = await attempt("mention", () => {
            const whom = pick(others);
            const body = text();
            return c.sendMessage(room, say({ body: `${whom.user.display}: ${body}`, "m.mentions": { user_ids: [whom.id] }, format: "org.matrix.custom.html", formatted_body: `<a href="https://matrix.to/#/${whom.id}">${whom.user.display}</a>: ${body}` }));
        });
    } else {
        sent = await attempt("text", () => c.sendMessage(room, say()));
    }
    if (!sent) return;
    if (chance(0.12)) {
        await pause();
        await attempt("edit", () => {
            const body = text();
            return c.sendMessage(room, { msgtype: "m.text", body: "* " + body, "m.mentions": {}, "m.new_content": { msgtype: "m.text", body, "m.mentions": {} }, "m.relates_to": { rel_type: "m.replace", event_id: sent.event_id } });
        });
    } else if (chance(0.04)) {
        await pause();
        await attempt("redact", () => c.redactEvent(room, sent.event_id, undefined, chance(0.5) ? { reason: words(4) } : undefined));
    }
    await Promise.all(others.map(async (o) => {
        await pause();
        const e = last(o, room);
        if (!e || e.getSender() === o.id) return;
        if (chance(0.32)) await attempt("receipt", () => o.client.sendReadReceipt(e, chance(0.9) ? "m.read" : "m.read.private"));
        else if (chance(0.14)) await attempt("markers", () => o.client.setRoomReadMarkers(room, e.getId(), e));
        if (chance(0.1)) await attempt("reaction", () => o.client.sendEvent(room, "m.reaction", { "m.relates_to": { rel_type: "m.annotation", event_id: e.getId(), key: pick(["👍", "❤️", "😂", "👀", "✅", "🎉", "⚓", "👍️", "🙏"]) } }));
    }));
}

async function talk(people, room, n) {
    const inside = () => people.filter((p) => p.client.getRoom(room)?.getMyMembership() === "join");
    await until("company", () => inside().length > 1, 10000);
    for (let i = 0; i < n; i++) {
        const present = inside();
        if (!present.length) return;
        const speaker = pick(present);
        await turn(speaker, present.filter((p) => p !== speaker), room);
    }
}

// --- matrix-bot-sdk ---

async function botSDK(u) {
    // The bot has no encryption; the native library for it need not be there.
    const require = createRequire(import.meta.url);
    const Module = require("node:module");
    const load = Module._load;
    Module._load = (name, ...rest) => (name === "@matrix-org/matrix-sdk-crypto-nodejs" ? {} : load(name, ...rest));
    const { MatrixAuth, MatrixClient, MemoryStorageProvider, AutojoinRoomsMixin, LogService, LogLevel } = require("matrix-bot-sdk");
    LogService.setLevel(LogLevel.ERROR);
    LogService.setLogger({ error: (_m, ...rest) => log("bot-sdk", ...rest.map((r) => r?.message ?? r)), info() {}, warn() {}, debug() {}, trace() {} });
    const auth = new MatrixAuth(u.baseUrl);
    const made = u.register ? await auth.passwordRegister(u.name, u.password, u.device) : await auth.passwordLogin(u.name, u.password, u.device);
    const bot = new MatrixClient(u.baseUrl, made.accessToken, new MemoryStorageProvider());
    AutojoinRoomsMixin.setupOnClient(bot);
    bot.on("room.join", (room) => attempt("bot joins", async () => {
        await bot.getRoomState(room);
        await bot.sendNotice(room, text());
    }));
    bot.on("room.message", (room, e) => attempt("bot answers", async () => {
        if (e.sender === idOf(u) || !e.content?.body) return;
        if (chance(0.3)) await bot.sendReadReceipt(room, e.event_id);
        if (e.content.body.startsWith("!")) {
            const answer = await (chance(0.5) ? bot.replyNotice(room, e, text()) : bot.replyHtmlNotice(room, e, `<b>${text()}</b><br>${text()}`));
            if (chance(0.3)) await bot.redactEvent(room, answer, words(3));
            if (chance(0.3)) await bot.getUserProfile(e.sender);
        } else if (chance(0.12)) {
            await bot.setTyping(room, true, 10000);
            await pause();
            await bot.sendText(room, text());
            await bot.setTyping(room, false);
        } else if (chance(0.08)) {
            await bot.sendEvent(room, "m.reaction", { "m.relates_to": { rel_type: "m.annotation", event_id: e.event_id, key: pick(["🤖", "👍", "📌", "✅"]) } });
        }
    }));
    await bot.getWhoAmI();
    await bot.setDisplayName(u.display);
    await bot.getJoinedRooms();
    await bot.start({ room: { timeline: { limit: 10 } } });
    return { bot, user: u };
}

// --- the life of a server ---

const rooms = plan.rooms;
const version = plan.roomVersion ? { room_version: plan.roomVersion } : {};
const encryption = { type: "m.room.encryption", state_key: "", content: { algorithm: "m.megolm.v1.aes-sha2" } };

async function main() {
    const js = [];
    for (const u of plan.users.filter((u) => u.client === "js" && !u.second)) {
        const one = await start(u, await account(u));
        await open(one);
        js.push(one);
        log("up:", one.id);
    }
    const bots = [];
    for (const u of plan.users.filter((u) => u.client === "bot-sdk")) bots.push(await botSDK(u));
    const [a, b] = js;
    const rest = js.slice(1);
    const guests = plan.users.filter((u) => u.client !== "js").map(idOf);
    await attempt("cross-signing", () => crossSign(a));
    if (chance(0.5)) await attempt("cross-signing", () => crossSign(b));

    // where they meet
    const main = (await a.client.createRoom({ ...version, room_alias_name: rooms.main.alias, name: rooms.main.name, topic: rooms.main.topic, preset: "public_chat", visibility: "public" })).room_id;
    await attempt("invite", () => a.client.invite(main, b.id));
    for (const one of rest.slice(1)) {
        await attempt("directory", () => one.client.publicRooms({ limit: 20 }));
        await attempt("alias", () => one.client.getRoomIdForAlias(`#${rooms.main.alias}:${plan.name}`));
        await attempt("join", () => one.client.joinRoom(`#${rooms.main.alias}:${plan.name}`));
    }
    for (const id of guests) await attempt("invite", () => a.client.invite(main, id));
    const half = Math.floor(plan.messages / 2);
    await talk(js, main, half);
    log("half of", main);

    // a room of few, encrypted, and one of two
    const few = (await b.client.createRoom({ ...version, name: rooms.private.name, topic: rooms.private.topic, preset: "private_chat", invite: [a.id], initial_state: [encryption] })).room_id;
    for (const one of js.slice(2)) await attempt("invite", () => b.client.invite(few, one.id));
    const olm = plan.users.filter((u) => u.client === "mautrix").map(idOf);
    for (const id of olm) await attempt("invite", () => b.client.invite(few, id));
    await talk(js, few, plan.encrypted);
    const two = (await a.client.createRoom({ ...version, preset: "trusted_private_chat", is_direct: true, invite: [rest.at(-1).id], initial_state: chance(0.6) ? [encryption] : [] })).room_id;
    await attempt("direct", () => a.client.setAccountData("m.direct", { [rest.at(-1).id]: [two] }));
    await talk([a, rest.at(-1)], two, 4);
    log("encrypted:", few, two);

    await attempt("household", () => household(a, b, main, few));
    await talk(js, main, plan.messages - half);
    log("talked in", main);
    for (const one of js) await attempt("reading", () => reading(one, main, few));
    for (const one of js) await attempt("habits", () => habits(one, main));

    // a second device of one who is here already
    const late = plan.users.find((u) => u.second);
    if (late) {
        const second = await start({ ...late, limit: 8 }, await account(late));
        await open(second);
        if (a.recovery && late.name === a.user.name) {
            await attempt("recovery", async () => {
                second.client.setRecoveryKey(decodeRecoveryKey(a.recovery));
                await second.client.getCrypto().bootstrapCrossSigning({});
                await second.client.getCrypto().loadSessionBackupPrivateKeyFromSecretStorage?.();
                await second.client.getCrypto().restoreKeyBackup?.();
            });
        }
        await talk([second, ...rest], main, 8);
        await talk([second, ...rest], few, 4);
        await attempt("reading", () => reading(second, main, few));
        await attempt("logout", () => second.client.logout(true));
    }

    // nobody says anything for a while; then one comes back
    await sleep(64000);
    const back = js.findLast((one) => !one.user.unrecorded);
    back.client.stopClient();
    await sleep(300);
    const again = await start({ ...back.user, limit: 8 }, back.credentials, false);
    const present = [...js.filter((one) => one !== back), again];
    await talk(present, main, 3);
    for (const one of present) one.client.stopClient();
    for (const { bot } of bots) bot.stop();
    await sleep(500);
    log("done");
    process.exit(0);
}

// household: rooms of rooms, rights, who comes and goes
async function household(a, b, main, few) {
    const c = a.client;
    const space = (await c.createRoom({ ...version, name: rooms.space.name, topic: rooms.space.topic, preset: "private_chat", invite: [b.id], creation_content: { type: "m.space" }, power_level_content_override: { events_default: 100 }, initial_state: [{ type: "m.room.history_visibility", state_key: "", content: { history_visibility: "shared" } }] })).room_id;
    for (const [i, child] of [main, few].entries()) {
        await attempt("child", () => c.sendStateEvent(space, "m.space.child", { via: [plan.name], order: String.fromCharCode(97 + i), suggested: i === 0 }, child));
        await attempt("parent", () => (i ? b : a).client.sendStateEvent(child, "m.space.parent", { via: [plan.name], canonical: true }, space));
    }
    await attempt("hierarchy", () => c.getRoomHierarchy(space, 50, 3));
    await attempt("hierarchy", () => b.client.getRoomHierarchy(space, 20, undefined, true));
    const side = (await c.createRoom({ ...version, name: rooms.side.name, topic: rooms.side.topic, preset: "public_chat", visibility: "private" })).room_id;
    await attempt("topic", () => c.setRoomTopic(side, text()));
    await attempt("alias", () => c.createAlias(`#${rooms.side.alias}:${plan.name}`, side));
    await attempt("canonical", () => c.sendStateEvent(side, "m.room.canonical_alias", { alias: `#${rooms.side.alias}:${plan.name}` }, ""));
    await attempt("aliases", () => c.getLocalAliases(side));
    await attempt("visibility", () => c.setRoomDirectoryVisibility(side, "public"));
    await attempt("visible", () => c.getRoomDirectoryVisibility(side));
    await attempt("join", () => b.client.joinRoom(side));
    await talk([a, b], side, 3);
    await attempt("power", () => c.setPowerLevel(main, b.id, 50));
    await attempt("pin", () => c.sendStateEvent(main, "m.room.pinned_events", { pinned: events(a, main).filter((e) => e.getType() === "m.room.message").slice(-2).map((e) => e.getId()) }, ""));
    await attempt("name", () => c.setRoomName(side, rooms.side.name + " " + below(100)));
    await attempt("avatar", async () => c.sendStateEvent(side, "m.room.avatar", { url: await upload(a, "image/png", "avatar.png", 900), info: { mimetype: "image/png", w: 256, h: 256, size: 900 } }, ""));
    await attempt("avatar", async () => c.setAvatarUrl(await upload(a, "image/png", "me.png", 1200)));
    await attempt("kick", () => c.kick(side, b.id, words(4)));
    await attempt("ban", () => c.ban(side, b.id, words(3)));
    await attempt("refused", () => b.client.joinRoom(side));
    await attempt("unban", () => c.unban(side, b.id));
    await attempt("join", () => b.client.joinRoom(side));
    await attempt("not allowed", () => b.client.setRoomName(side, text()));
    await attempt("leave", () => b.client.leave(side));
    await attempt("forget", () => b.client.forget(side));
    await attempt("upgrade", () => c.upgradeRoom(side, "11"));
    await attempt("alias gone", () => c.deleteAlias(`#${rooms.side.alias}:${plan.name}`));
    await attempt("no such", () => b.client.joinRoom(`#${words(1).toLowerCase().replace(/[^a-z]/g, "") || "none"}:${plan.name}`));
}

// reading: what was said before
async function reading(one, main, few) {
    const c = one.client;
    const room = c.getRoom(main);
    if (!room) return;
    if (chance(0.8)) await attempt("scrollback", () => c.scrollback(room, 15));
    if (chance(0.5)) await attempt("messages", () => c.createMessagesRequest(few, null, 8, "b"));
    if (chance(0.7)) await attempt("members", () => room.loadMembersIfNeeded());
    await attempt("joined", () => c.getJoinedRoomMembers(main));
    const some = shuffle(events(one, main).filter((e) => e.getType() === "m.room.message" && e.getId().startsWith("$"))).slice(0, 3);
    for (const e of some) {
        await attempt("event", () => c.fetchRoomEvent(main, e.getId()));
        await attempt("relations", () => c.relations(main, e.getId(), pick(["m.annotation", "m.thread", "m.replace"]), undefined, { limit: 10 }));
    }
    if (some[0]) await attempt("context", () => c.http.authedRequest("GET", `/rooms/${encodeURIComponent(main)}/context/${encodeURIComponent(some[0].getId())}`, { limit: 4 }));
    await attempt("threads", () => c.createThreadListMessagesRequest(main, null, 5, "b"));
    await attempt("state", () => c.getStateEvent(main, pick(["m.room.topic", "m.room.power_levels", "m.room.name"]), ""));
    if (chance(0.4)) await attempt("all state", () => c.roomState(main));
    await attempt("search", () => c.search({ body: { search_categories: { room_events: { search_term: words(1), order_by: "recent", event_context: { before_limit: 1, after_limit: 1 } } } } }));
    await attempt("when", () => c.timestampToEvent(main, Date.now() - 60000, "f"));
    await attempt("summary", () => c.getRoomSummary(main));
    await attempt("notifications", () => c.http.authedRequest("GET", "/notifications", { limit: 5 }));
}

// habits: what is changed in the settings
async function habits(one, main) {
    const c = one.client;
    await attempt("user directory", () => c.searchUserDirectory({ term: pick(plan.users).name.slice(0, 3), limit: 10 }));
    await attempt("profile", () => c.getProfileInfo(idOf(pick(plan.users))));
    await attempt("device name", () => c.setDeviceDetails(c.getDeviceId(), { display_name: one.user.device + " " + below(10) }));
    await attempt("device", () => c.getDevice(c.getDeviceId()));
    await attempt("tag", () => c.setRoomTag(main, pick(["m.favourite", "m.lowpriority", "u.work"]), { order: Math.round(random() * 100) / 100 }));
    await attempt("tags", () => c.getRoomTags(main));
    await attempt("push rules", () => c.getPushRules());
    await attempt("keyword", () => c.addPushRule("global", "content", words(1).toLowerCase(), { actions: ["notify", { set_tweak: "sound", value: "default" }, { set_tweak: "highlight" }], pattern: words(1).toLowerCase() }));
    await attempt("mute", () => c.addPushRule("global", "room", main, { actions: [] }));
    await attempt("rule", () => c.setPushRuleEnabled("global", "underride", ".m.rule.message", chance(0.5)));
    await attempt("unmute", () => c.deletePushRule("global", "room", main));
    await attempt("pusher", () => c.setPusher({ kind: "http", app_id: pick(["im.vector.app.android", "org.example.ios", "chat.boat.web"]), pushkey: Array.from({ length: 22 }, () => pick([..."abcdefghijkmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"])).join(""), app_display_name: one.user.device, device_display_name: one.user.device, lang: plan.languages[0], data: { url: `https://push.${plan.name}/_matrix/push/v1/notify`, format: "event_id_only" }, append: false }));
    await attempt("settings", () => c.setAccountData("im.vector.web.settings", { breadcrumb_rooms: [main], FTUE_useCase: "WORK", "RoomList.orderAlphabetically": chance(0.5) }));
    await attempt("ignored", () => c.setIgnoredUsers([`@${words(1).toLowerCase().replace(/[^a-z]/g, "") || "spam"}:${plan.name}`]));
    await attempt("room setting", () => c.setRoomAccountData(main, "org.matrix.room.preview_urls", { disable: true }));
    await attempt("openid", () => c.getOpenIdToken());
    await attempt("third parties", () => c.getThirdpartyProtocols());
    await attempt("preview", () => c.getUrlPreview(`https://www.${plan.name}/${below(1000)}`, Date.now()));
    await attempt("joined rooms", () => c.getJoinedRooms());
    await attempt("name", () => c.setDisplayName(one.user.display + " " + pick(["⚓", "🏠", "(on watch)", "📻"])));
    if (plan.presence) await attempt("away", () => c.setPresence({ presence: pick(["unavailable", "offline"]), status_msg: words(4) }));
}

main().catch((e) => {
    log("failed:", e?.stack ?? e);
    process.exit(1);
});
