import jakarta.mail.AuthenticationFailedException;
import jakarta.mail.Session;
import java.util.Properties;

/** Logs in with a mechanism of each protocol, given as `smtp PLAIN`, with the right password and with a wrong one. */
class JakartaMail {
    public static void main(String[] logins) throws Exception {
        for (String login : logins) {
            String protocol = login.split(" ")[0];
            connect(protocol, login.split(" ")[1], System.getenv("PASSWORD"));
            try {
                connect(protocol, login.split(" ")[1], "wrong");
                throw new IllegalStateException(login + " with a wrong password");
            } catch (AuthenticationFailedException refused) {
                System.out.println(login);
            }
        }
    }

    static void connect(String protocol, String mechanism, String password) throws Exception {
        var settings = new Properties();
        String its = "mail." + protocol;
        settings.setProperty(its + ".auth.mechanisms", mechanism);
        // The others are those of Java's own library.
        if (mechanism.endsWith("-MD5")) {
            settings.setProperty(its + ".sasl.enable", "true");
            settings.setProperty(its + ".sasl.mechanisms", mechanism);
        }
        settings.setProperty(its + ".auth", "true");
        Session session = Session.getInstance(settings);
        int port = Integer.parseInt(System.getenv(protocol.toUpperCase()));
        try (var service = protocol.equals("smtp") ? session.getTransport(protocol) : session.getStore(protocol)) {
            service.connect("localhost", port, System.getenv("USER"), password);
        }
    }
}
