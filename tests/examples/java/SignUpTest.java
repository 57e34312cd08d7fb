import static org.junit.jupiter.api.Assertions.assertEquals;

import jakarta.mail.*;
import jakarta.mail.internet.*;
import jakarta.mail.search.SubjectTerm;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

class SignUpTest {
    @RegisterExtension
    final MailServer server = new MailServer("""
            {"scenario": "smtp-greylist", "accounts": [{"login": "bob@example.org", "password": "secret"}]}""");

    /** The code under test: sends a link, and tries again if the server refuses for now. */
    void signUp(String address) throws MessagingException {
        var mail = new MimeMessage(Session.getInstance(server.properties));
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

        String mails = server.call("GET", "/messages?to=bob@example.org&subject=Welcome&wait=5s", "");
        String id = MailServer.find("\"id\":\"(m\\d+)\"", mails);
        String links = server.call("GET", "/messages/" + id + "/links", "");
        assertEquals("[\"https://app.example.org/confirm?code=1234\"]", links);
    }

    @Test
    void bobReadsTheMail() throws Exception {
        signUp("bob@example.org");

        try (Store store = Session.getInstance(server.properties).getStore("imap")) {
            store.connect("bob@example.org", "secret");
            Folder inbox = store.getFolder("INBOX");
            inbox.open(Folder.READ_ONLY);
            assertEquals(1, inbox.search(new SubjectTerm("Welcome")).length);
        }
    }
}
