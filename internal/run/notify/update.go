package notify

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// chat is a service that can change what it has shown. Methods from the services'
// own references: Telegram Bot API, Discord webhooks, Slack Web API.
type chat interface {
	post(ctx context.Context, m Message) (id string, err error)
	edit(ctx context.Context, id string, m Message) error
	remove(ctx context.Context, id string) error
}

// thread keeps one message of the run in one chat: news change it. An edit makes
// no sound, so what should call a person is a new message that takes the place
// of the old one. A supervisor that took another's place begins a new message.
type thread struct {
	chat chat
	id   string // "" before the first message
}

func (t *thread) deliver(ctx context.Context, m Message) error {
	if t.id != "" && !m.Kind.calls() && t.chat.edit(ctx, t.id, m) == nil {
		return nil
	} // an edit fails, too, where somebody deleted the message
	id, err := t.chat.post(ctx, m)
	if err != nil {
		return err
	}
	if t.id != "" {
		_ = t.chat.remove(ctx, t.id) // then there are two; nothing is lost
	}
	t.id = id
	return nil
}

// calls reports whether a person should hear of it.
func (k Kind) calls() bool { return k == End || k == Stalled }

// chatFor returns the chat behind an address in shoutrrr's notation. ok is false
// for services that cannot change a message, and for options that only shoutrrr
// knows; those are left to it.
func chatFor(address string) (chat, bool) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, false
	}
	switch u.Scheme {
	case "telegram":
		return newTelegram(u)
	case "discord":
		return newDiscord(u)
	case "slack":
		return newSlack(u)
	case "ntfy":
		return newNtfy(u)
	}
	return nil, false
}

// only returns the query's values if it has no other names than these.
func only(u *url.URL, names ...string) (url.Values, bool) {
	q := u.Query()
	known := url.Values{}
	for _, n := range names {
		if q.Has(n) {
			known.Set(n, q.Get(n))
		}
	}
	return known, len(known) == len(q)
}

// text is a message for services without titles, in at most limit characters.
func text(m Message, limit int) string {
	r := []rune(strings.TrimSpace(m.Title + "\n" + m.Body))
	if len(r) > limit {
		r = append(r[:limit-1], '…')
	}
	return string(r)
}

// client follows no redirections (they could carry a secret elsewhere) and keeps
// no connections: hours pass between messages.
var client = &http.Client{
	Timeout:       sendTimeout,
	Transport:     &http.Transport{Proxy: http.ProxyFromEnvironment, DisableKeepAlives: true, ForceAttemptHTTP2: true},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

// maxAnswer is as much of an answer as is read.
const maxAnswer = 64 << 10

// call sends body as JSON and decodes the answer into answer, which may be nil.
// Its errors hold no address.
func call(ctx context.Context, method, address string, header http.Header, body, answer any) error {
	raw, err := json.Marshal(body)
	if err != nil {
		return err
	}
	if header == nil {
		header = http.Header{}
	}
	header.Set("Content-Type", "application/json; charset=utf-8")
	return send(ctx, method, address, header, raw, answer)
}

func send(ctx context.Context, method, address string, header http.Header, body []byte, answer any) error {
	req, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(body))
	if err != nil {
		return errors.New("the address makes no sense")
	}
	req.Header = header
	resp, err := client.Do(req)
	if err != nil {
		var outer *url.Error
		if errors.As(err, &outer) { // it quotes the address
			err = outer.Err
		}
		return err
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return err
	}
	if resp.StatusCode >= 300 {
		return fmt.Errorf("%s: %s", resp.Status, raw[:min(len(raw), 200)])
	}
	if answer == nil {
		return nil
	}
	return json.Unmarshal(raw, answer)
}
