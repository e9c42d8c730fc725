package notify

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// service records requests and answers them as the real ones do.
func service(t *testing.T, answer func(r *http.Request, body string) (int, string)) (base string, seen func() []string) {
	t.Helper()
	var mu sync.Mutex
	var got []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		raw, _ := io.ReadAll(r.Body)
		mu.Lock()
		got = append(got, r.Method+" "+r.URL.String()+" "+string(raw))
		mu.Unlock()
		code, text := answer(r, string(raw))
		w.WriteHeader(code)
		_, _ = io.WriteString(w, text)
	}))
	t.Cleanup(server.Close)
	return server.URL, func() []string { mu.Lock(); defer mu.Unlock(); return got }
}

func use(t *testing.T, base *string, value string) {
	t.Helper()
	old := *base
	*base = value
	t.Cleanup(func() { *base = old })
}

// tell sends a run's news to one address.
func tell(t *testing.T, address string, news ...Message) error {
	t.Helper()
	to := places(Config{URLs: []string{address}})
	if to[0].thread == nil {
		t.Fatalf("%s is left to shoutrrr", address)
	}
	for _, m := range news {
		if err := deliver(context.Background(), false, to, m); err != nil {
			return err
		}
	}
	return nil
}

var story = []Message{{Forecast, "r: back at 17:40", "2 h left"}, {Slipped, "r: later", "3 h left"}, {End, "r: done", "after 5 h"}}

func TestTelegramKeepsOneMessage(t *testing.T) {
	id := 40
	base, seen := service(t, func(*http.Request, string) (int, string) {
		id++
		return 200, fmt.Sprintf(`{"ok":true,"result":{"message_id":%d}}`, id)
	})
	use(t, &telegramBase, base)
	if err := tell(t, "telegram://123:secretsecret@telegram?chats=77", story...); err != nil {
		t.Fatal(err)
	}
	want := []string{
		`POST /bot123:secretsecret/sendMessage {"chat_id":"77","disable_notification":false,"text":"r: back at 17:40\n2 h left"}`,
		`POST /bot123:secretsecret/editMessageText {"chat_id":"77","message_id":41,"text":"r: later\n3 h left"}`,
		`POST /bot123:secretsecret/sendMessage {"chat_id":"77","disable_notification":false,"text":"r: done\nafter 5 h"}`,
		`POST /bot123:secretsecret/deleteMessage {"chat_id":"77","message_id":41}`,
	}
	if d := cmp.Diff(want, seen()); d != "" {
		t.Fatal(d)
	}
}

func TestDiscordKeepsOneMessage(t *testing.T) {
	base, seen := service(t, func(r *http.Request, _ string) (int, string) {
		if r.Method == http.MethodDelete {
			return 204, ""
		}
		return 200, `{"id":"900"}`
	})
	use(t, &discordBase, base)
	if err := tell(t, "discord://tokentoken@5555", story...); err != nil {
		t.Fatal(err)
	}
	want := []string{
		`POST /webhooks/5555/tokentoken?wait=true& {"allowed_mentions":{"parse":[]},"content":"r: back at 17:40\n2 h left"}`,
		`PATCH /webhooks/5555/tokentoken/messages/900? {"allowed_mentions":{"parse":[]},"content":"r: later\n3 h left"}`,
		`POST /webhooks/5555/tokentoken?wait=true& {"allowed_mentions":{"parse":[]},"content":"r: done\nafter 5 h"}`,
		`DELETE /webhooks/5555/tokentoken/messages/900? `,
	}
	if d := cmp.Diff(want, seen()); d != "" {
		t.Fatal(d)
	}
}

func TestSlackKeepsOneMessage(t *testing.T) {
	base, seen := service(t, func(r *http.Request, _ string) (int, string) {
		if r.Header.Get("Authorization") != "Bearer xoxb-111111111-222222222-abcabcabcabcabcabcabcabc" {
			return 200, `{"ok":false,"error":"invalid_auth"}`
		}
		return 200, `{"ok":true,"channel":"C042","ts":"17.5"}`
	})
	use(t, &slackBase, base)
	const address = "slack://xoxb:111111111-222222222-abcabcabcabcabcabcabcabc@general"
	if err := tell(t, address, append(story[:1:1], Message{Slipped, "r: later", "loss <1 & falls"}, story[2])...); err != nil {
		t.Fatal(err)
	}
	want := []string{
		`POST /chat.postMessage {"channel":"general","text":"r: back at 17:40\n2 h left"}`,
		`POST /chat.update {"channel":"C042","text":"r: later\nloss \u0026lt;1 \u0026amp; falls","ts":"17.5"}`,
		`POST /chat.postMessage {"channel":"general","text":"r: done\nafter 5 h"}`,
		`POST /chat.delete {"channel":"C042","ts":"17.5"}`,
	}
	if d := cmp.Diff(want, seen()); d != "" {
		t.Fatal(d)
	}
	err := tell(t, strings.Replace(address, "abcabc", "wrong0", 1), story[0])
	if err == nil || !strings.Contains(err.Error(), "invalid_auth") {
		t.Fatal(err)
	}
}

func TestNtfyKeepsOneSequence(t *testing.T) {
	var sequence, titles []string
	base, seen := service(t, func(r *http.Request, _ string) (int, string) {
		sequence = append(sequence, r.Header.Get("X-Sequence-ID"))
		titles = append(titles, r.Header.Get("X-Title"))
		if user, password, _ := r.BasicAuth(); user != "me" || password != "mypassword" || r.Header.Get("Priority") != "high" {
			return 403, `{"error":"forbidden"}`
		}
		return 200, `{"id":"x"}`
	})
	address := "ntfy://me:mypassword@" + strings.TrimPrefix(base, "http://") + "/mytopic?scheme=http&priority=high"
	if err := tell(t, address, story...); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{"POST /mytopic 2 h left", "POST /mytopic 3 h left", "POST /mytopic after 5 h"}, seen()); d != "" {
		t.Fatal(d)
	}
	if sequence[0] == "" || sequence[0] != sequence[1] || sequence[1] != sequence[2] || titles[2] != "r: done" {
		t.Fatal(sequence, titles)
	}
}

// TestDeletedMessageIsSentAnew: somebody removed the message that would change.
func TestDeletedMessageIsSentAnew(t *testing.T) {
	base, seen := service(t, func(r *http.Request, _ string) (int, string) {
		if r.Method == http.MethodPatch {
			return 404, `{"message":"Unknown Message"}`
		}
		return 200, `{"id":"1"}`
	})
	use(t, &discordBase, base)
	if err := tell(t, "discord://tokentoken@5555", story[:2]...); err != nil {
		t.Fatal(err)
	}
	if got := seen(); len(got) != 4 || !strings.HasPrefix(got[2], "POST") {
		t.Fatal(got)
	}
}

// TestNoSecretInErrors: refused connections, refused tokens, services that quote
// the request, and redirections, which are not followed.
func TestNoSecretInErrors(t *testing.T) {
	quoting, _ := service(t, func(r *http.Request, body string) (int, string) {
		return 401, "no " + r.URL.String() + r.Header.Get("Authorization") + body
	})
	strange, seen := service(t, func(*http.Request, string) (int, string) { return 302, "" })
	for _, base := range []string{quoting, strange, "http://127.0.0.1:1"} {
		use(t, &telegramBase, base)
		use(t, &discordBase, base)
		use(t, &slackBase, base)
		for _, address := range []string{
			"telegram://123456:verysecretpart@telegram?chats=77", "discord://verysecretpart@5555",
			"slack://xoxb:111111111-222222222-verysecretpart@C1", "ntfy://me:verysecretpart@" + strings.TrimPrefix(base, "http://") + "/topic12?scheme=http",
		} {
			err := tell(t, address, story[0])
			if err == nil || strings.Contains(err.Error(), "verysecretpart") {
				t.Errorf("%s at %s: %v", address, base, err)
			}
		}
	}
	if n := len(seen()); n != 4 {
		t.Errorf("%d requests for 4 messages", n)
	}
}

// TestLeftToShoutrrr: what cannot be updated, or has options that only it knows.
func TestLeftToShoutrrr(t *testing.T) {
	for _, address := range []string{
		"telegram://1:abc@telegram?chats=1,2", "telegram://1:abc@telegram?chats=1&parsemode=HTML", "telegram://abc@telegram?chats=1",
		"discord://t@1?splitLines=no", "slack://hook:AAAAAAAAA-BBBBBBBBB-123456789123456789123456@webhook",
		"ntfy://ntfy.sh/a?delay=1h", "generic://host/x", "smtp://u:p@h", "::",
	} {
		if _, ok := chatFor(address); ok {
			t.Error(address)
		}
	}
	if got := []rune(text(Message{Title: "t", Body: strings.Repeat("é", 5000)}, discordLimit)); len(got) != discordLimit {
		t.Fatal(len(got))
	}
}
