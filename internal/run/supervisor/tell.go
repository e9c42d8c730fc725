package supervisor

import (
	"fmt"
	"os"
	"strings"
	"time"

	"stoker/internal/run/bar"
	"stoker/internal/run/cause"
	"stoker/internal/run/estimate"
	"stoker/internal/run/link"
	"stoker/internal/run/notify"
	"stoker/internal/run/rundir"
)

const (
	tellAfter   = time.Minute     // shorter runs end before anybody has left
	tellFirst   = 5 * time.Minute // a forecast below that is no reason to go
	slipShare   = 0.2             // of the remaining time as it was told
	slipAtLeast = 5 * time.Minute
)

// teller sends news of the run to people; nil when there is nowhere to send.
type teller struct {
	notifier *notify.Notifier
	subject  string // "resnet on gpu1"
	told     time.Time
	arrival  time.Time     // as last told
	left     time.Duration // remaining time as last told
}

// newTeller reads where news go. An unsafe file of addresses is said, not used.
func (s *supervisor) newTeller() *teller {
	if !s.Spec.Notify {
		return nil
	}
	config, err := notify.Load(os.Environ())
	if err != nil {
		s.say(err.Error())
	}
	if len(config.URLs) == 0 && !config.Desktop {
		return nil
	}
	name := s.Spec.Name
	if name == "" {
		name = s.Spec.ID
	}
	journal := s.journal
	return &teller{subject: name + " on " + s.Spec.Host, notifier: notify.New(config, func(m notify.Message, err error) {
		fact := map[string]string{"kind": string(m.Kind), "title": m.Title}
		if err != nil {
			fact["error"] = err.Error()
		}
		_ = journal.Append(time.Now(), "told", fact, false)
	})}
}

func (t *teller) send(kind notify.Kind, what, body string) {
	if t != nil {
		t.notifier.Send(notify.Message{Kind: kind, Title: t.subject + ": " + what, Body: body})
	}
}

// close delivers what waits.
func (t *teller) close() {
	if t != nil {
		t.notifier.Close()
	}
}

// forecast tells the first forecast, and later ones that are much worse than
// what was told.
func (t *teller) forecast(now time.Time, p estimate.Status) {
	if t == nil || p.RemainingMid < 0 || p.EpochOnly || p.Guess {
		return
	}
	left := time.Duration(p.RemainingMid * float64(time.Second))
	arrival := now.Add(left)
	switch slip := arrival.Sub(t.arrival); {
	case t.told.IsZero():
		if left < tellFirst || p.Unseen || p.RemainingHigh > 2*p.RemainingMid {
			return // not worth telling, or not sure enough yet
		}
		t.send(notify.Forecast, "you can go; back at "+bar.Clock(now, arrival), fmt.Sprintf("%s left (%s to %s). %s", bar.Duration(p.RemainingMid),
			bar.Duration(p.RemainingLow), bar.Duration(p.RemainingHigh), bar.Plain(p)))
	case slip > slipAtLeast && slip.Seconds() > slipShare*t.left.Seconds():
		t.send(notify.Slipped, fmt.Sprintf("later than forecast: %s instead of %s", bar.Clock(now, arrival), bar.Clock(now, t.arrival)),
			strings.Join(append(p.Notes[max(0, len(p.Notes)-2):], bar.Plain(p)), "\n"))
	default:
		return
	}
	t.told, t.arrival, t.left = now, arrival, left
}

// tellEnd tells how a run ended that was long enough to be left alone.
func (s *supervisor) tellEnd(end rundir.End) {
	took := end.Time.Sub(s.Spec.Created)
	if took < tellAfter || end.Cause == string(cause.User) {
		return
	}
	s.ring()
	if end.Cause == string(cause.Done) {
		s.tell.send(notify.End, "done after "+bar.Duration(took.Seconds()), s.lastProgress())
		return
	}
	body := []string{end.Text}
	if end.Advice != "" {
		body = append(body, end.Advice)
	}
	if c := s.status.Checkpoint; c != nil {
		body = append(body, fmt.Sprintf("lost since the last checkpoint (%s): %s", c.Path, bar.Duration(end.Time.Sub(c.Time).Seconds())))
	}
	s.tell.send(notify.End, "failed after "+bar.Duration(took.Seconds()), strings.Join(append(body, end.Last...), "\n"))
}

// lastProgress is the final bar as text.
func (s *supervisor) lastProgress() string {
	var p estimate.Status
	if !link.DecodeJSON(s.status.Progress, &p) {
		return ""
	}
	return bar.Plain(p)
}

// ring rings the bell of attached terminals.
func (s *supervisor) ring() {
	for c := range s.clients {
		c.send(link.Bell, nil)
	}
}
