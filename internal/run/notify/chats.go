package notify

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Where the services are; tests put their own here.
var (
	telegramBase = "https://api.telegram.org"
	discordBase  = "https://discord.com/api"
	slackBase    = "https://slack.com/api"
)

// telegram is one chat of a bot: telegram://TOKEN@telegram?chats=ID.
type telegram struct {
	token, chat string
	silent      bool
}

func newTelegram(u *url.URL) (chat, bool) {
	q, ok := only(u, "chats", "channels", "notification")
	secret, two := u.User.Password()
	to := q.Get("chats") + q.Get("channels")
	if !ok || !two || to == "" || strings.ContainsAny(to, ",:") { // several chats, or a topic of one
		return nil, false
	}
	return &telegram{token: u.User.Username() + ":" + secret, chat: to, silent: strings.EqualFold(q.Get("notification"), "no")}, true
}

const telegramLimit = 4096

func (t *telegram) method(ctx context.Context, name string, body map[string]any, answer any) error {
	body["chat_id"] = t.chat
	return call(ctx, http.MethodPost, telegramBase+"/bot"+t.token+"/"+name, nil, body, answer)
}

func (t *telegram) post(ctx context.Context, m Message) (string, error) {
	var answer struct {
		Result struct {
			ID int64 `json:"message_id"`
		} `json:"result"`
	}
	err := t.method(ctx, "sendMessage", map[string]any{"text": text(m, telegramLimit), "disable_notification": t.silent}, &answer)
	return strconv.FormatInt(answer.Result.ID, 10), err
}

func (t *telegram) edit(ctx context.Context, id string, m Message) error {
	err := t.method(ctx, "editMessageText", map[string]any{"message_id": json.Number(id), "text": text(m, telegramLimit)}, nil)
	if err != nil && strings.Contains(err.Error(), "message is not modified") {
		return nil
	}
	return err
}

func (t *telegram) remove(ctx context.Context, id string) error {
	return t.method(ctx, "deleteMessage", map[string]any{"message_id": json.Number(id)}, nil)
}

// discord is a webhook: discord://TOKEN@ID.
type discord struct{ hook, thread string }

func newDiscord(u *url.URL) (chat, bool) {
	q, ok := only(u, "thread_id")
	if !ok || u.Path != "" || u.User.Username() == "" {
		return nil, false
	}
	d := &discord{hook: "/webhooks/" + url.PathEscape(u.Host) + "/" + url.PathEscape(u.User.Username())}
	if id := q.Get("thread_id"); id != "" {
		d.thread = "thread_id=" + url.QueryEscape(id)
	}
	return d, true
}

const discordLimit = 2000

// body mentions nobody: what a program prints may hold "@everyone".
func (d *discord) body(m Message) any {
	return map[string]any{"content": text(m, discordLimit), "allowed_mentions": map[string]any{"parse": []string{}}}
}

func (d *discord) message(id string) string {
	return discordBase + d.hook + "/messages/" + id + "?" + d.thread
}

func (d *discord) post(ctx context.Context, m Message) (string, error) {
	var answer struct {
		ID string `json:"id"`
	}
	err := call(ctx, http.MethodPost, discordBase+d.hook+"?wait=true&"+d.thread, nil, d.body(m), &answer)
	return answer.ID, err
}

func (d *discord) edit(ctx context.Context, id string, m Message) error {
	return call(ctx, http.MethodPatch, d.message(id), nil, d.body(m), nil)
}

func (d *discord) remove(ctx context.Context, id string) error {
	return send(ctx, http.MethodDelete, d.message(id), http.Header{}, nil, nil)
}

// slack is a channel that a bot writes to: slack://xoxb:TOKEN@CHANNEL. Incoming
// webhooks cannot change messages.
type slack struct{ token, channel string }

func newSlack(u *url.URL) (chat, bool) {
	_, ok := only(u)
	token := u.User.Username()
	if rest, has := u.User.Password(); has {
		token += "-" + rest
	}
	if !ok || !strings.HasPrefix(token, "xoxb-") || u.Host == "" {
		return nil, false
	}
	return &slack{token: strings.ReplaceAll(token, ",", "-"), channel: u.Host}, true
}

const slackLimit = 3900

var slackText = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

// method calls one; Slack tells failures in an answer with status 200.
func (s *slack) method(ctx context.Context, name string, body any) (id string, err error) {
	var answer struct {
		OK                 bool
		Error, Channel, TS string
	}
	header := http.Header{"Authorization": {"Bearer " + s.token}}
	if err := call(ctx, http.MethodPost, slackBase+"/chat."+name, header, body, &answer); err != nil {
		return "", err
	}
	if !answer.OK {
		return "", errors.New(answer.Error)
	}
	return answer.Channel + " " + answer.TS, nil
}

func (s *slack) post(ctx context.Context, m Message) (string, error) {
	return s.method(ctx, "postMessage", map[string]string{"channel": s.channel, "text": slackText.Replace(text(m, slackLimit))})
}

// at names a message: a change needs the channel's id, which the answer to the
// first message told.
func (s *slack) at(id string) map[string]string {
	channel, ts, _ := strings.Cut(id, " ")
	return map[string]string{"channel": channel, "ts": ts}
}

func (s *slack) edit(ctx context.Context, id string, m Message) error {
	body := s.at(id)
	body["text"] = slackText.Replace(text(m, slackLimit))
	_, err := s.method(ctx, "update", body)
	return err
}

func (s *slack) remove(ctx context.Context, id string) error {
	_, err := s.method(ctx, "delete", s.at(id))
	return err
}

// ntfy is a topic: ntfy://[USER:PASSWORD@]HOST/TOPIC. Messages of one sequence id
// replace each other in clients, with sound, since ntfy 2.16; older servers show
// each.
type ntfy struct {
	address  string
	header   http.Header
	sequence string
}

func newNtfy(u *url.URL) (chat, bool) {
	q, ok := only(u, "scheme", "disabletls", "priority", "tags", "click", "icon")
	topic := strings.Trim(u.Path, "/")
	if !ok || topic == "" || strings.Contains(topic, "/") {
		return nil, false
	}
	scheme := "https"
	if q.Get("scheme") == "http" || strings.EqualFold(q.Get("disabletls"), "yes") {
		scheme = "http"
	}
	host := u.Host
	if host == "" {
		host = "ntfy.sh"
	}
	n := &ntfy{address: scheme + "://" + host + "/" + url.PathEscape(topic), header: http.Header{}, sequence: "stoker-" + strconv.FormatInt(time.Now().UnixNano(), 36)}
	for _, name := range []string{"priority", "tags", "click", "icon"} {
		if v := q.Get(name); v != "" {
			n.header.Set(name, v)
		}
	}
	if secret, has := u.User.Password(); has {
		r := http.Request{Header: n.header}
		r.SetBasicAuth(u.User.Username(), secret)
	}
	return n, true
}

func (n *ntfy) post(ctx context.Context, m Message) (string, error) {
	return n.sequence, n.edit(ctx, n.sequence, m)
}

func (n *ntfy) edit(ctx context.Context, id string, m Message) error {
	header := n.header.Clone()
	header.Set("X-Title", oneLine(m.Title))
	header.Set("X-Sequence-ID", id)
	return send(ctx, http.MethodPost, n.address, header, []byte(m.Body), nil)
}

// remove has nothing to do: a message of the same sequence has replaced it.
func (n *ntfy) remove(context.Context, string) error { return nil }

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
