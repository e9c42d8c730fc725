// Package notify tells people what matters about a run: done, failed, stalled,
// later than forecast, "you can go". Messages go to the desktop and to any
// service that shoutrrr knows, from the supervisor, so that a run that was
// killed can still be reported. At most one message a minute leaves: what comes
// sooner waits and is joined. Where the service can, a run has one message that
// changes (update.go).
package notify

import (
	"context"
	"errors"
	"io"
	"log"
	"os/exec"
	"strings"
	"sync"
	"time"

	"github.com/nicholas-fedor/shoutrrr"
	"github.com/nicholas-fedor/shoutrrr/pkg/types"
)

// Kind says what a message is about; a newer message of the same kind replaces
// one that still waits.
type Kind string

// The kinds.
const (
	Forecast  Kind = "forecast"
	Slipped   Kind = "slipped"
	Stalled   Kind = "stalled"
	Restarted Kind = "restarted"
	End       Kind = "end"
)

// Message is one piece of news.
type Message struct {
	Kind  Kind
	Title string
	Body  string
}

// Interval is the least time between two messages.
const Interval = time.Minute

// sendTimeout bounds one delivery.
const sendTimeout = 20 * time.Second

// Notifier queues messages and delivers them in the background.
type Notifier struct {
	deliver  func(context.Context, Message) error
	report   func(Message, error)
	interval time.Duration

	mu      sync.Mutex
	waiting []Message
	wake    chan struct{}
	closed  bool
	done    chan struct{}
}

// New starts a notifier; report is called after every delivery, from the
// notifier's goroutine, with an error that names no address.
func New(c Config, report func(Message, error)) *Notifier {
	to := places(c)
	return start(func(ctx context.Context, m Message) error { return deliver(ctx, c.Desktop, to, m) }, report, Interval)
}

func start(deliver func(context.Context, Message) error, report func(Message, error), interval time.Duration) *Notifier {
	n := &Notifier{deliver: deliver, report: report, interval: interval, wake: make(chan struct{}, 1), done: make(chan struct{})}
	go n.run()
	return n
}

// Send queues a message; it never waits.
func (n *Notifier) Send(m Message) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for i := range n.waiting {
		if n.waiting[i].Kind == m.Kind {
			n.waiting[i] = m
			n.poke()
			return
		}
	}
	n.waiting = append(n.waiting, m)
	n.poke()
}

func (n *Notifier) poke() {
	select {
	case n.wake <- struct{}{}:
	default:
	}
}

// Close delivers what waits and ends the notifier.
func (n *Notifier) Close() {
	n.mu.Lock()
	n.closed = true
	n.mu.Unlock()
	n.poke()
	<-n.done
}

func (n *Notifier) run() {
	defer close(n.done)
	var last time.Time
	for {
		m, ok, closed := n.next()
		if !ok {
			if closed {
				return
			}
			<-n.wake
			continue
		}
		if wait := n.interval - time.Since(last); !last.IsZero() && wait > 0 {
			n.putBack(m)
			select {
			case <-time.After(wait):
			case <-n.wake: // perhaps more to join, or the end: the wait goes on
				time.Sleep(min(wait, 100*time.Millisecond))
			}
			continue
		}
		ctx, cancel := context.WithTimeout(context.Background(), sendTimeout)
		err := n.deliver(ctx, m)
		cancel()
		last = time.Now()
		n.report(m, err)
	}
}

// next takes everything that waits as one message.
func (n *Notifier) next() (m Message, ok, closed bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.waiting) == 0 {
		return m, false, n.closed
	}
	newest := n.waiting[len(n.waiting)-1]
	for _, w := range n.waiting[:len(n.waiting)-1] {
		newest.Body += "\n\n" + w.Title + "\n" + w.Body
	}
	n.waiting = n.waiting[:0]
	return newest, true, n.closed
}

func (n *Notifier) putBack(m Message) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.waiting = append([]Message{m}, n.waiting...)
}

// place is one configured address.
type place struct {
	url    string
	thread *thread // nil: the service only takes new messages
}

func places(c Config) []place {
	var all []place
	for _, url := range c.URLs {
		p := place{url: url}
		if chat, ok := chatFor(url); ok {
			p.thread = &thread{chat: chat}
		}
		all = append(all, p)
	}
	return all
}

// deliver sends m everywhere; one place that fails does not keep the others from
// it.
func deliver(ctx context.Context, desktop bool, to []place, m Message) error {
	var problems []error
	if desktop {
		if path, err := exec.LookPath("notify-send"); err == nil {
			_ = exec.CommandContext(ctx, path, "--app-name=stoker", "--", m.Title, m.Body).Run()
		}
	}
	for _, p := range to {
		var err error
		if p.thread != nil {
			err = p.thread.deliver(ctx, m)
		} else {
			err = sendTo(p.url, m)
		}
		if err != nil {
			problems = append(problems, errors.New(scrub(p.url, err)))
		}
	}
	return errors.Join(problems...)
}

func sendTo(url string, m Message) error {
	sender, err := shoutrrr.NewSender(log.New(io.Discard, "", 0), url)
	if err != nil {
		return err
	}
	sender.Timeout = sendTimeout
	return errors.Join(sender.Send(m.Body, &types.Params{"title": m.Title})...)
}

// scrub names the service, never its address: that holds the secret. Libraries
// quote addresses, whole or in parts, in their errors.
func scrub(url string, err error) string {
	scheme, rest, _ := strings.Cut(url, "://")
	text := err.Error()
	for _, part := range append([]string{url, rest}, strings.FieldsFunc(rest, func(r rune) bool { return strings.ContainsRune("/@:?&=", r) })...) {
		if len(part) >= 6 {
			text = strings.ReplaceAll(text, part, "***")
		}
	}
	return scheme + ": " + text
}
