package signup

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/smtp"
	"net/textproto"
	"net/url"
	"os"
	"strings"
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

type server struct {
	t    *testing.T
	url  string
	smtp string
}

// start makes a server for one test; when the test ends, it is verified and removed. `mailjig run` sets MAILJIG_URL.
// If a server offers STARTTLS, net/smtp uses it, and must trust the certificate.
func start(t *testing.T, options string) server {
	t.Parallel()
	base, err := url.Parse(os.Getenv("MAILJIG_URL"))
	if err != nil {
		t.Fatal(err)
	}
	var made struct {
		ID        string
		Endpoints map[string]struct{ Port int }
	}
	s := server{t: t, url: base.String() + "/v1/servers"}
	s.call("POST", "", options, &made)
	s.url += "/" + made.ID
	s.smtp = fmt.Sprintf("%s:%d", base.Hostname(), made.Endpoints["smtp"].Port)
	t.Cleanup(func() { s.call("DELETE", "", "", new(any)) })
	return s
}

func (s server) call(method, path, body string, result any) {
	s.t.Helper()
	request, _ := http.NewRequest(method, s.url+path, strings.NewReader(body))
	request.Header.Set("Content-Type", "application/json")
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		s.t.Fatal(err)
	}
	defer answer.Body.Close()
	var problem struct{ Detail string } // what failed, and what came closest
	if answer.StatusCode >= 400 {
		json.NewDecoder(answer.Body).Decode(&problem)
		s.t.Fatal(problem.Detail)
	}
	json.NewDecoder(answer.Body).Decode(result)
}

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
