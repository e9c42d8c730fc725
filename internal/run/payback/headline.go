package payback

import (
	"fmt"
	"math"
	"time"

	"stoker/internal/worth"
)

// headline says what to do, first of all. For a run that goes on the question is
// whether to stop it; nothing is a good answer.
func (a *Advice) headline(c Case, seconds float64) error {
	if c.Live != nil {
		return a.live(c)
	}
	best := a.best()
	switch {
	case len(a.Items) == 0:
		a.Headline = "Do nothing: the diagnosis knows of no cure."
		if c.Diagnosis != nil && c.Diagnosis.Sentence != "" {
			a.Headline = "Do nothing: " + c.Diagnosis.Sentence + "."
		}
	case best == nil && a.undecided():
		a.Headline = "Too close to call: nothing pays for sure."
	case best == nil:
		a.Headline = "Do nothing: no cure pays back within the runs that you plan."
	default:
		a.Headline = sentenceCase(best.name()) + " pays. " + first(best, seconds)
	}
	return nil
}

// first says whether the next run waits for the cure.
func first(best *Item, seconds float64) string {
	work, save := best.Question.Work.Mid(), best.Answer.Chance*best.gain.Mid()*seconds/3600
	if work < save {
		return fmt.Sprintf("Do it before the next run: that run alone then ends %s earlier.", worth.Duration(save-work))
	}
	return fmt.Sprintf("Start the next run now and work beside it: it ends %s earlier than after the work.", worth.Duration(work-save))
}

func (i *Item) name() string {
	if i.Title == "" {
		return i.ID
	}
	return i.Title
}

// best is the cure that pays most of those that pay for sure.
func (a *Advice) best() (best *Item) {
	for k := range a.Items {
		i := &a.Items[k]
		if i.Verdict == worth.Yes && (best == nil || i.Answer.Net > best.Answer.Net) {
			best = i
		}
	}
	return best
}

func (a *Advice) undecided() bool {
	for _, i := range a.Items {
		if i.Verdict == worth.TooClose {
			return true
		}
	}
	return false
}

// live asks whether to stop the run for its best cure. What is lost by a stop is
// all of it where no checkpoint is known.
func (a *Advice) live(c Case) error {
	l := c.Live
	if l.Mid < 0 {
		a.Headline = "Do nothing yet: when it ends is not known."
		return nil
	}
	end := c.Now.Add(time.Duration(l.Mid * float64(time.Second)))
	a.Ends = end.Format(time.RFC3339)
	lost := l.Lose
	if lost < 0 {
		lost = l.Elapsed
	}
	var best *Item
	var gained worth.Interruption
	for k := range a.Items {
		i := &a.Items[k]
		n := worth.Now{Remaining: worth.Range{Low: math.Max(l.Low, 0) / 3600, High: math.Max(l.High, l.Mid) / 3600}, Lost: lost / 3600,
			Gain: i.gain, Work: i.Question.Work, Works: i.Question.Works, Failed: i.Question.Failed, Chance: i.Question.Chance}
		stop, err := n.Weigh()
		if err != nil {
			return err
		}
		if best == nil || stop.Saved > gained.Saved {
			best, gained = i, stop
		}
	}
	nothing := "Do nothing: it ends at " + clock(end, c.Now) + between(l, c.Now)
	switch {
	case best == nil && c.Diagnosis == nil:
		a.Headline = fmt.Sprintf("%s. What a cure could save of it: stoker why %s", nothing, c.Run.ID)
	case best == nil:
		a.Headline = nothing + "."
	case gained.Verdict == worth.Yes:
		a.Headline = fmt.Sprintf("Stop it for this: %s. With %s of work and %s to do again it ends at about %s instead of %s.", best.name(),
			worth.Duration(best.Question.Work.Mid()), worth.Duration(lost/3600),
			clock(end.Add(-time.Duration(gained.Saved*float64(time.Hour))), c.Now), clock(end, c.Now))
	case gained.Saved > 0:
		a.Headline = fmt.Sprintf("%s. To stop it for a cure (%s) could end it %s earlier, but not for sure.", nothing, best.name(), worth.Duration(gained.Saved))
	default:
		a.Headline = fmt.Sprintf("%s. To stop it for its best cure (%s) would end it %s later: %s of work and %s to do again.", nothing, best.name(),
			worth.Duration(-gained.Saved), worth.Duration(best.Question.Work.Mid()), worth.Duration(lost/3600))
	}
	if gained.Verdict != worth.Yes && a.best() != nil {
		a.Headline += " For the runs after it " + a.best().name() + " pays: work beside it."
	}
	return nil
}

// between is the interval of the end, where it is wider than a minute.
func between(l *Live, now time.Time) string {
	from := clock(now.Add(time.Duration(l.Low*float64(time.Second))), now)
	to := clock(now.Add(time.Duration(l.High*float64(time.Second))), now)
	if from == to || l.Low < 0 {
		return ""
	}
	return fmt.Sprintf(" (%s to %s)", from, to)
}

// clock is a time of day, with the day where it is another one.
func clock(t, now time.Time) string {
	if t.YearDay() == now.YearDay() && t.Year() == now.Year() {
		return t.Format("15:04")
	}
	return t.Format("Mon 2 Jan 15:04")
}
