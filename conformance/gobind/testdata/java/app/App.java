package app;

import io.github.coapgw.mobile.Config;
import io.github.coapgw.mobile.Gateway;
import io.github.coapgw.mobile.Listener;
import io.github.coapgw.mobile.Mobile;
import io.github.coapgw.mobile.Request;
import io.github.coapgw.mobile.Response;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * An app: it is given a pairing line and a directory, and does what an app does. It ends with
 * "all is well".
 */
public final class App {
	private static final class States implements Listener {
		final List<String> seen = Collections.synchronizedList(new ArrayList<>());

		@Override
		public void stateChanged(String state) {
			seen.add(state);
		}
	}

	private static void check(boolean holds, String what) {
		if (!holds) {
			throw new AssertionError(what);
		}
	}

	private static String field(String json, String name) {
		Matcher m = Pattern.compile("\"" + name + "\":\"([^\"]*)\"").matcher(json);
		check(m.find(), name + " in " + json);
		return m.group(1);
	}

	private static String text(Response r) {
		return new String(r.body(), StandardCharsets.UTF_8);
	}

	/** What an unmodified SDK does: HTTP to the URL that it was given. */
	private static String http(HttpClient client, String method, String url, String body, int status) throws Exception {
		HttpRequest request = HttpRequest.newBuilder(URI.create(url))
			.header("Content-Type", "application/json")
			.method(method, HttpRequest.BodyPublishers.ofString(body))
			.build();
		HttpResponse<String> answer = client.send(request, HttpResponse.BodyHandlers.ofString());
		check(answer.statusCode() == status, url + ": " + answer.statusCode() + " " + answer.body());
		return answer.body();
	}

	private interface Call {
		void run() throws Exception;
	}

	private static void fails(String kind, Call call) {
		try {
			call.run();
		} catch (Exception e) {
			check(e.getMessage().startsWith(kind + ": "), e.getMessage());
			return;
		}
		throw new AssertionError("expected " + kind);
	}

	public static void main(String[] args) {
		// The threads on which Go calls back are no daemons, and do not end.
		try {
			use(args);
			System.out.println("all is well");
			System.exit(0);
		} catch (Throwable e) {
			e.printStackTrace();
			System.exit(1);
		}
	}

	private static void use(String[] args) throws Exception {
		fails(Mobile.ErrorPairing, () -> Mobile.open("nonsense", null));
		fails(Mobile.ErrorClosed, () -> new Gateway().resume());

		Config config = new Config();
		config.setStateDir(args[1]);
		byte[] key = new byte[32];
		new java.security.SecureRandom().nextBytes(key);
		config.setStateKey(key);
		config.setSecret("a-secret-of-this-app");
		check(!config.toString().contains("a-secret"), "secrets are not printed: " + config);
		Gateway gateway = Mobile.open(args[0], config);
		States states = new States();
		gateway.setListener(states);
		String base = gateway.start();
		check(base.startsWith("http://127.0.0.1:") && base.endsWith("/a-secret-of-this-app"), base);

		HttpClient sdk = HttpClient.newHttpClient();
		check(http(sdk, "GET", base + "/_matrix/client/versions", "", 200).contains("versions"), "versions");
		http(sdk, "GET", base.substring(0, base.lastIndexOf('/')) + "/_matrix/client/versions", "", 404);
		String account = http(sdk, "POST", base + "/_matrix/client/v3/register",
			"{\"username\":\"bob\",\"password\":\"secret\",\"auth\":{\"type\":\"m.login.dummy\"}}", 200);
		String token = field(account, "access_token");

		Request create = new Request("POST", "/_matrix/client/v3/createRoom");
		create.setToken(token);
		create.setBody("{}".getBytes(StandardCharsets.UTF_8));
		String room = field(text(gateway.request(create)), "room_id");
		String said = "ahoj \u00e9 \u2693 \ud83d\ude80"; // one, two, three and four bytes in UTF-8
		Request send = new Request("PUT", "/_matrix/client/v3/rooms/" + room + "/send/m.room.message/1");
		send.setToken(token);
		send.setBody(("{\"msgtype\":\"m.text\",\"body\":\"" + said + "\"}").getBytes(StandardCharsets.UTF_8));
		check(gateway.request(send).getStatus() == 200, "sent");
		Request sync = new Request("GET", "/_matrix/client/v3/sync?timeout=0");
		sync.setToken(token);
		check(text(gateway.request(sync)).contains(said), "what was said comes back");

		gateway.suspend(1000);
		fails(Mobile.ErrorSuspended, () -> gateway.request(new Request("GET", "/_matrix/client/versions")));
		http(sdk, "GET", base + "/_matrix/client/versions", "", 503);
		gateway.resume();
		http(sdk, "GET", base + "/_matrix/client/versions", "", 200);
		gateway.networkChanged();
		Response response = gateway.request(new Request("GET", "/_matrix/client/versions"));
		check(response.getStatus() == 200 && response.getContentType().equals("application/json"), "after the change");
		check(response.header("none").isEmpty(), "no header");
		check(gateway.status().getHandshakes() == 1, "handshakes: " + gateway.status());
		check(gateway.status().getState().equals(Mobile.StateConnected), "state: " + gateway.status());
		gateway.close();
		check(states.seen.get(0).equals(Mobile.StateIdle), "states: " + states.seen);
		check(states.seen.contains(Mobile.StateConnected) && states.seen.contains(Mobile.StateSuspended), "states: " + states.seen);
		check(states.seen.get(states.seen.size() - 1).equals(Mobile.StateClosed), "states: " + states.seen);

		Gateway next = Mobile.open(args[0], config); // a process later
		check(next.request(new Request("GET", "/_matrix/client/versions")).getStatus() == 200, "the next process");
		check(next.status().getHandshakes() == 0 && next.status().getResumed() == 1, "no handshake: " + next.status());
		next.close();
		Mobile.forget(args[1]);
	}
}
