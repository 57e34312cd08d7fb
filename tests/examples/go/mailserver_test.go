package signup

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
)

type mailServer struct {
	t    *testing.T
	url  string
	smtp string // host:port
}

// start makes a server for one test; when the test ends, the server is verified and removed.
func start(t *testing.T, options string) mailServer {
	t.Parallel()
	base, err := url.Parse(os.Getenv("MAILJIG_URL")) // `mailjig run` sets it
	if err != nil {
		t.Fatal(err)
	}
	var made struct {
		ID        string
		Endpoints map[string]struct{ Port int }
	}
	s := mailServer{t: t, url: base.String() + "/v1/servers"}
	s.call("POST", "", options, &made)
	s.url += "/" + made.ID
	s.smtp = fmt.Sprintf("%s:%d", base.Hostname(), made.Endpoints["smtp"].Port)
	t.Cleanup(func() { s.call("DELETE", "", "", new(any)) })
	return s
}

func (s mailServer) call(method, path, body string, result any) {
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
