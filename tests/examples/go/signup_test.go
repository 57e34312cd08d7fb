package signup

import (
	"errors"
	"net/smtp"
	"net/textproto"
	"testing"
)

// signUp is the code under test: it sends a link, and tries again if the server refuses for now.
func signUp(smtpAddress, address string) error {
	mail := "To: " + address + "\r\nSubject: Welcome\r\n\r\nConfirm at https://app.example.org/confirm?code=1234\r\n"
	for left := 3; ; left-- {
		err := smtp.SendMail(smtpAddress, nil, "app@example.org", []string{address}, []byte(mail))
		var refused *textproto.Error
		if left == 1 || !errors.As(err, &refused) || refused.Code >= 500 {
			return err
		}
	}
}

// If the server offers STARTTLS, net/smtp uses it, and must trust the certificate.
func TestTheMailHasALink(t *testing.T) {
	server := start(t, `{"starttls": {"smtp": "never"}}`)
	if err := signUp(server.smtp, "bob@example.org"); err != nil {
		t.Fatal(err)
	}
	var list struct{ Messages []struct{ ID string } }
	server.call("GET", "/messages?to=bob@example.org&subject=Welcome&wait=5s", "", &list)
	var links []string
	server.call("GET", "/messages/"+list.Messages[0].ID+"/links", "", &links)
	if links[0] != "https://app.example.org/confirm?code=1234" {
		t.Error(links)
	}
}

func TestABusyServerIsAskedAgain(t *testing.T) {
	server := start(t, `{"scenario": "smtp-greylist", "starttls": {"smtp": "never"}}`)
	if err := signUp(server.smtp, "bob@example.org"); err != nil {
		t.Fatal(err)
	}
}
