// A Matrix client of a person: matrix-js-sdk with its Rust cryptography, as it is. Each
// line of standard input is a command {"id", "do", ...}; each line of standard output
// answers one, {"id", "value"} or {"id", "error"}, or tells what the client saw,
// {"event", ...}. The end of the input ends the program.
import { webcrypto } from "node:crypto";
import { createInterface } from "node:readline";

// What the library expects of a newer Node.
globalThis.crypto ??= webcrypto;
globalThis.CustomEvent ??= class extends Event {
    constructor(type, init) {
        super(type, init);
        this.detail = init?.detail ?? null;
    }
};
Promise.withResolvers ??= function () {
    let resolve, reject;
    const promise = new Promise((a, b) => { resolve = a; reject = b; });
    return { promise, resolve, reject };
};

const write = (line) => process.stdout.write(JSON.stringify(line) + "\n");
// Standard output is for the above; of what the library logs only the worst is kept.
for (const level of ["trace", "debug", "log", "info"]) console[level] = () => {};
for (const level of ["warn", "error"]) console[level] = (...what) => process.stderr.write(what.map(String).join(" ") + "\n");
process.on("unhandledRejection", (e) => write({ event: "trouble", text: "unhandled: " + (e?.stack ?? e) }));

const sdk = await import("matrix-js-sdk"); // after the console has changed

let client;
// What came in a room and was not reported yet, in the order of the timeline: an event
// waits until those before it are decrypted.
const waiting = [];

const readable = (e) =>
    !e.isEncrypted() || (!e.isBeingDecrypted() && !e.shouldAttemptDecryption() && !e.isDecryptionFailure());

function report() {
    while (waiting.length && readable(waiting[0])) {
        const e = waiting.shift();
        write({ event: "message", message: { id: e.getId(), room: e.getRoomId(), sender: e.getSender(), text: e.getContent().body, encrypted: e.isEncrypted() } });
    }
}

function arrived(e, _room, toStart, _removed, data) {
    if (toStart || !data?.liveEvent || e.isState() || e.getSender() === client.getUserId()) return;
    if (!["m.room.message", "m.room.encrypted"].includes(e.getType())) return;
    waiting.push(e);
    report();
}

// until resolves when found returns something, which it is asked at each sync.
function until(found) {
    const { promise, resolve } = Promise.withResolvers();
    const look = () => {
        const it = found();
        if (it === undefined) return;
        client.off(sdk.ClientEvent.Sync, look);
        resolve(it);
    };
    client.on(sdk.ClientEvent.Sync, look);
    look();
    return promise;
}

const commands = {
    // login brings the client to where it has had its first sync.
    async login({ baseUrl, user, password, device }) {
        const session = await sdk.createClient({ baseUrl }).loginRequest({
            type: "m.login.password", identifier: { type: "m.id.user", user }, password,
            initial_device_display_name: device,
        });
        client = sdk.createClient({
            baseUrl, userId: session.user_id, accessToken: session.access_token, deviceId: session.device_id,
            timelineSupport: true,
        });
        await client.initRustCrypto({ useIndexedDB: false });
        client.on(sdk.RoomEvent.Timeline, arrived);
        client.on(sdk.MatrixEventEvent.Decrypted, (e) => {
            if (e.isDecryptionFailure()) write({ event: "undecrypted", text: `${e.getId()}: ${e.decryptionFailureReason}` });
            report();
        });
        client.on(sdk.ClientEvent.Sync, (state, _before, data) => {
            if (["ERROR", "RECONNECTING"].includes(state)) write({ event: "trouble", text: `sync: ${state}: ${data?.error}` });
        });
        client.on(sdk.HttpApiEvent.SessionLoggedOut, () => write({ event: "trouble", text: "logged out" }));
        const ready = until(() => (client.isInitialSyncComplete() ? true : undefined));
        await client.startClient({ initialSyncLimit: 20, lazyLoadMembers: true, threadSupport: true });
        await ready;
        return session.user_id;
    },

    // createRoom makes an encrypted room and invites.
    async createRoom({ invite }) {
        const { room_id } = await client.createRoom({
            preset: "trusted_private_chat", invite,
            initial_state: [{ type: "m.room.encryption", state_key: "", content: { algorithm: "m.megolm.v1.aes-sha2" } }],
        });
        return until(() => (client.getRoom(room_id)?.getMyMembership() === "join" ? room_id : undefined));
    },

    async join({ room }) {
        await client.joinRoom(room);
        return until(() => (client.getRoom(room)?.getMyMembership() === "join" ? room : undefined));
    },

    // member waits until someone is in the room.
    member: ({ room, user }) =>
        until(() => (client.getRoom(room)?.getMember(user)?.membership === "join" ? user : undefined)),

    async send({ room, text }) {
        return (await client.sendTextMessage(room, text)).event_id;
    },

    async receipt({ room, event }) {
        await client.sendReadReceipt(client.getRoom(room).findEventById(event));
    },

    async typing({ room, on }) {
        await client.sendTyping(room, on, 20000);
    },
};

for await (const line of createInterface({ input: process.stdin })) {
    const { id, do: what, ...args } = JSON.parse(line);
    // Commands run side by side, as a person does not wait for one to begin another.
    Promise.resolve().then(() => commands[what](args)).then(
        (value) => write({ id, value: value ?? null }),
        (e) => write({ id, error: String(e?.stack ?? e) }),
    );
}
client?.stopClient();
process.exit(0); // not when the last of the library's timers has run out
