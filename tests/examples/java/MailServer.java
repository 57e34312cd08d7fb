import static org.junit.jupiter.api.Assertions.assertTrue;

import java.net.URI;
import java.net.http.*;
import java.util.Properties;
import java.util.regex.*;
import org.junit.jupiter.api.extension.*;

/** A server of its own for each test. */
class MailServer implements BeforeEachCallback, AfterEachCallback {
    private static final URI BASE = URI.create(System.getenv("MAILJIG_URL")); // `mailjig run` sets it

    /** The host and the ports, for Jakarta Mail. */
    final Properties properties = new Properties();
    private final String options;
    private String url = BASE + "/v1/servers";

    MailServer(String options) {
        this.options = options;
    }

    @Override
    public void beforeEach(ExtensionContext context) throws Exception {
        String server = call("POST", "", options);
        url += "/" + find("\"id\":\"(\\d+)\"", server);
        for (String listener : new String[] {"smtp", "imap"}) {
            properties.setProperty("mail." + listener + ".host", BASE.getHost());
            properties.setProperty("mail." + listener + ".port", find("\"" + listener + "\":\\{[^}]*\"port\":(\\d+)", server));
        }
    }

    /** Removes the server; fails with a report if the code under test did not do what the scenario demands. */
    @Override
    public void afterEach(ExtensionContext context) throws Exception {
        call("DELETE", "", "");
    }

    String call(String method, String path, String body) throws Exception {
        var request = HttpRequest.newBuilder(URI.create(url + path)).header("Content-Type", "application/json");
        request.method(method, HttpRequest.BodyPublishers.ofString(body));
        var answer = HttpClient.newHttpClient().send(request.build(), HttpResponse.BodyHandlers.ofString());
        assertTrue(answer.statusCode() < 400, () -> answer.body().replace("\\n", "\n")); // what failed, and what came closest
        return answer.body();
    }

    static String find(String pattern, String text) {
        Matcher matcher = Pattern.compile(pattern).matcher(text);
        assertTrue(matcher.find(), text);
        return matcher.group(1);
    }
}
