package notify

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"stoker/internal/errs"
	"stoker/internal/leaktest"
)

func TestMain(m *testing.M) {
	leaktest.Main(m, goleak.IgnoreTopFunction("internal/poll.runtime_pollWait"),
		goleak.IgnoreTopFunction("net/http.(*persistConn).writeLoop"), goleak.IgnoreTopFunction("net/http.(*persistConn).readLoop"))
}

func TestWebhook(t *testing.T) {
	got := make(chan string, 1)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got <- string(body)
	}))
	defer server.Close()
	url := "generic://" + strings.TrimPrefix(server.URL, "http://") + "/hook?disabletls=yes&template=json"
	var failed error
	n := New(Config{URLs: []string{url}}, func(_ Message, err error) { failed = err })
	n.Send(Message{End, "run done", "after 3 h"})
	n.Close()
	if failed != nil {
		t.Fatal(failed)
	}
	if body := <-got; !strings.Contains(body, "after 3 h") || !strings.Contains(body, "run done") {
		t.Fatal(body)
	}
}

// TestAtMostOneInAnInterval sends a burst: the first goes at once, the rest as
// one, and nothing is lost.
func TestAtMostOneInAnInterval(t *testing.T) {
	var at []time.Time
	var all []Message
	underWay, sent := make(chan struct{}, 4), make(chan struct{})
	n := start(func(_ context.Context, m Message) error {
		at, all = append(at, time.Now()), append(all, m)
		underWay <- struct{}{}
		<-sent
		return nil
	}, func(Message, error) {}, 300*time.Millisecond)
	n.Send(Message{Forecast, "forecast", "17:40"})
	<-underWay
	n.Send(Message{Slipped, "later", "18:00"})
	n.Send(Message{Slipped, "later", "18:30"})
	n.Send(Message{End, "done", "all"})
	close(sent)
	n.Close()
	text := ""
	for i, m := range all {
		text += m.Title + " " + m.Body + "\n"
		if i > 0 && at[i].Sub(at[i-1]) < 290*time.Millisecond {
			t.Errorf("%s between messages", at[i].Sub(at[i-1]))
		}
	}
	if len(all) != 2 || strings.Contains(text, "18:00") || !strings.Contains(text, "18:30") || all[len(all)-1].Kind != End {
		t.Fatal(text)
	}
}

func TestSecretsStayOut(t *testing.T) {
	url := "slack://hook:TSECRETPART-BSECRETPART-abcdef@webhook"
	var failed error
	n := New(Config{URLs: []string{"ntfy://user:verysecretpw@127.0.0.1:1/topicname?scheme=http"}}, func(_ Message, err error) { failed = err })
	n.Send(Message{End, "t", "b"})
	n.Close()
	if failed == nil || strings.Contains(failed.Error(), "verysecretpw") || strings.Contains(failed.Error(), "topicname") {
		t.Error(failed)
	}
	if s := scrub(url, errors.New("post https://x/TSECRETPART-BSECRETPART-abcdef: no")); strings.Contains(s, "SECRETPART") {
		t.Error(s)
	}
}

func TestLoad(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("XDG_CONFIG_HOME", dir)
	path := filepath.Join(dir, "stoker", "notify")
	_ = os.MkdirAll(filepath.Dir(path), 0o700)
	_ = os.WriteFile(path, []byte("# mine\nntfy://ntfy.sh/a\n\n"), 0o600)
	c, err := Load([]string{"STOKER_NOTIFY_URLS=a://1 b://2", "STOKER_NOTIFY_SLACK=slack://x", "HOME=/"})
	if err != nil || strings.Join(c.URLs, " ") != "slack://x a://1 b://2 ntfy://ntfy.sh/a" || c.Desktop {
		t.Fatal(c, err)
	}
	_ = os.Chmod(path, 0o644)
	if _, err := Load(nil); !errs.Is(err, errs.Permission) {
		t.Fatal(err)
	}
}
