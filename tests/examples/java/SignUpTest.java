import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import jakarta.mail.*;
import jakarta.mail.internet.*;
import jakarta.mail.search.SubjectTerm;
import java.net.URI;
import java.net.http.*;
import java.util.Properties;
import java.util.regex.*;
import org.junit.jupiter.api.*;

class SignUpTest {
    static final String BASE = System.getenv("MAILJIG_URL"); // `mailjig run` sets it
    static final String OPTIONS = """
            {"scenario": "smtp-greylist", "accounts": [{"login": "bob@example.org", "password": "secret"}]}""";

    final Properties ports = new Properties();
    String url;

    /** Starts a server of its own for each test. */
    @BeforeEach
    void startServer() throws Exception {
        String server = call("POST", BASE + "/v1/servers", OPTIONS);
        url = BASE + "/v1/servers/" + find("\"id\":\"(\\d+)\"", server);
        for (String listener : new String[] {"smtp", "imap"}) {
            ports.setProperty("mail." + listener + ".host", URI.create(BASE).getHost());
            ports.setProperty("mail." + listener + ".port", find("\"" + listener + "\":\\{[^}]*\"port\":(\\d+)", server));
        }
    }

    /** Removes the server; fails with a report if the code under test did not do what the scenario demands. */
    @AfterEach
    void verify() throws Exception {
        call("DELETE", url, "");
    }

    /** The code under test: sends a link, and tries again if the server refuses for now. */
    void signUp(String address) throws MessagingException {
        var mail = new MimeMessage(Session.getInstance(ports));
        mail.setFrom("app@example.org");
        mail.setRecipients(Message.RecipientType.TO, address);
        mail.setSubject("Welcome");
        mail.setText("Confirm at https://app.example.org/confirm?code=1234");
        for (int left = 3; ; left--) {
            try {
                Transport.send(mail);
                return;
            } catch (SendFailedException refused) {
                if (left == 1 || refused.getInvalidAddresses().length > 0) throw refused;
            }
        }
    }

    @Test
    void theMailHasALink() throws Exception {
        signUp("bob@example.org");

        String mails = call("GET", url + "/messages?to=bob@example.org&subject=Welcome&wait=5s", "");
        String links = call("GET", url + "/messages/" + find("\"id\":\"(m\\d+)\"", mails) + "/links", "");
        assertEquals("[\"https://app.example.org/confirm?code=1234\"]", links);
    }

    @Test
    void bobReadsTheMail() throws Exception {
        signUp("bob@example.org");

        try (Store store = Session.getInstance(ports).getStore("imap")) {
            store.connect("bob@example.org", "secret");
            Folder inbox = store.getFolder("INBOX");
            inbox.open(Folder.READ_ONLY);
            assertEquals(1, inbox.search(new SubjectTerm("Welcome")).length);
        }
    }

    static String call(String method, String url, String body) throws Exception {
        var request = HttpRequest.newBuilder(URI.create(url)).header("Content-Type", "application/json");
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
