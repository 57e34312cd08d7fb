import jakarta.mail.Message;
import jakarta.mail.Session;
import jakarta.mail.Transport;
import jakarta.mail.internet.InternetAddress;
import jakarta.mail.internet.MimeMessage;
import java.util.Properties;

/** Sends a message with the parameters of DSN. */
class JakartaDsn {
    public static void main(String[] none) throws Exception {
        var settings = new Properties();
        settings.setProperty("mail.smtp.port", System.getenv("SMTP"));
        settings.setProperty("mail.smtp.from", "ann@example.org");
        settings.setProperty("mail.smtp.dsn.notify", "FAILURE,DELAY");
        settings.setProperty("mail.smtp.dsn.ret", "HDRS");
        settings.setProperty("mail.smtp.mailextension", "ENVID=Q+2B1");
        var message = new MimeMessage(Session.getInstance(settings));
        message.setRecipient(Message.RecipientType.TO, new InternetAddress("bob@example.org"));
        message.setText("hi");
        Transport.send(message);
    }
}
