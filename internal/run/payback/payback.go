// Package payback asks of a run what its cures are worth: it takes the gains from
// the diagnosis of `stoker why`, the planned runs, the attended share and the
// chances from one's own past, and lets package worth weigh them. It is pure.
package payback

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"stoker/internal/errs"
	"stoker/internal/run/history"
	"stoker/internal/run/past"
	"stoker/internal/run/prices"
	"stoker/internal/run/why"
	"stoker/internal/settings"
	"stoker/internal/worth"
)

// Case is a run with what is known around it.
type Case struct {
	Run       history.Run
	Diagnosis *why.Diagnosis
	Siblings  []history.Run  // of the same command, newest first, the run among them
	Cures     []history.Cure // all that are on the books
	Began     time.Time      // of the history
	Now       time.Time
	Price     prices.Price // of the machine's hour
	Live      *Live        // nil: the run has ended
	Settings  settings.Settings
}

// Live is what is known of a run that goes on. Seconds.
type Live struct {
	Low, Mid, High float64 // that remain
	Lose           float64 // that are lost if it stops now; -1 unknown
	Elapsed        float64
}

// Told is what the user says; nil members are taken from the past.
type Told struct {
	Cure            string // one cure's id; "" is all of them
	Save            *worth.Range
	Work            *worth.Range
	Runs            *worth.Range
	Record          *[2]int // worked, failed
	Chance          *float64
	Attended        *float64
	Person, Machine *float64
	Check           float64
}

// Item is one cure, weighed.
type Item struct {
	ID       string        `json:"cure"`
	Title    string        `json:"title,omitempty"`
	How      string        `json:"how,omitempty"`
	Free     bool          `json:"free"` // a setting: nothing to weigh
	Verdict  worth.Verdict `json:"verdict"`
	Sentence string        `json:"sentence"`

	Question worth.Question `json:"-"`
	Answer   worth.Answer   `json:"-"`
	gain     worth.Range    // share of the run
}

// Advice is the answer for a run.
type Advice struct {
	Headline string   `json:"headline"`
	Ends     string   `json:"ends,omitempty"` // of a live run, RFC 3339
	Items    []Item   `json:"cures"`
	Assumed  []string `json:"assumed"` // where the figures come from
}

// Weigh answers for all cures of a case, or the one that is told. Errors: no
// diagnosis, or no such cure, is errs.NotFound; amounts that make no sense are
// errs.Invalid.
func Weigh(c Case, told Told) (Advice, error) {
	cures, err := chosen(c, told)
	if err != nil {
		return Advice{}, err
	}
	seconds := runSeconds(c)
	if seconds <= 0 && told.Save == nil {
		return Advice{}, errs.New(errs.NotFound, "run %s tells neither how long it takes nor how far it is", c.Run.ID).
			WithHint("say what a cure saves: stoker worth --save 2m --cost 1h --runs 8")
	}
	s := newScales(c, told)
	var a Advice
	for _, cure := range cures {
		item, err := s.weigh(c, told, cure, seconds)
		if err != nil {
			return a, err
		}
		a.Items = append(a.Items, item)
	}
	a.Assumed = s.assumed(c, told)
	return a, a.headline(c, seconds)
}

// chosen are the cures to weigh.
func chosen(c Case, told Told) ([]why.Cure, error) {
	if told.Save != nil {
		id := told.Cure
		if id == "" {
			id = "a cure"
		}
		return []why.Cure{{ID: id}}, nil
	}
	if c.Diagnosis == nil {
		if c.Live != nil && told.Cure == "" {
			return nil, nil // when it ends is an answer
		}
		return nil, errs.New(errs.NotFound, "run %s has no diagnosis to take a gain from", c.Run.ID).
			WithHint("stoker why %s makes one; or say it yourself: stoker worth %s --save 2m --cost 1h", c.Run.ID, c.Run.ID)
	}
	if told.Cure == "" {
		return c.Diagnosis.Cures, nil
	}
	i := slices.IndexFunc(c.Diagnosis.Cures, func(k why.Cure) bool { return k.ID == told.Cure })
	if i < 0 {
		var ids []string
		for _, k := range c.Diagnosis.Cures {
			ids = append(ids, k.ID)
		}
		return nil, errs.New(errs.NotFound, "the diagnosis of run %s has no cure %q", c.Run.ID, told.Cure).
			WithHint("it has: %s", strings.Join(append(ids, "or give --save"), ", "))
	}
	return c.Diagnosis.Cures[i : i+1], nil
}

// runSeconds is how long a run of this command takes: the complete ones' median,
// else this one's own length or forecast.
func runSeconds(c Case) float64 {
	var whole []float64
	for _, r := range c.Siblings {
		if s, ok := past.Seconds(r, past.Whole); ok && r.MachineKey == c.Run.MachineKey {
			whole = append(whole, s)
		}
	}
	switch s, ok := past.Seconds(c.Run, past.Whole); {
	case ok:
		return s
	case c.Live != nil && c.Live.Mid >= 0:
		return c.Live.Elapsed + c.Live.Mid
	case len(whole) > 0:
		return past.Median(whole)
	}
	return c.Run.Total
}

// stepShare is the part of a run that its steps are: a gain in the step time
// reaches no further.
func stepShare(r history.Run, seconds float64) float64 {
	rec := r.Record
	if rec == nil || seconds <= 0 || rec.Steps <= 0 {
		return 1
	}
	cold := float64(min(rec.StepsPerEpoch, rec.Steps))
	steps := cold*rec.ColdStep + (float64(rec.Steps)-cold)*rec.WarmStep
	if steps <= 0 {
		return 1
	}
	return min(1, steps/seconds)
}

// scales are what all cures of a case are weighed with.
type scales struct {
	runs            worth.Range
	seen            int
	over            time.Duration
	attended        float64
	attendedHow     string
	person, machine float64
	machineHow      string
}

func newScales(c Case, told Told) scales {
	s := scales{person: c.Settings.PersonHour, machine: c.Price.Hour, machineHow: c.Price.How}
	switch {
	case told.Machine != nil:
		s.machine, s.machineHow = *told.Machine, "as told"
	case c.Settings.MachineHour >= 0:
		s.machine, s.machineHow = c.Settings.MachineHour, "by the settings"
	case !c.Price.Known:
		s.machine = 0
	}
	if told.Person != nil {
		s.person = *told.Person
	}
	low, high, seen, over := past.Planned(c.Siblings, c.Began, c.Now, c.Settings.Horizon)
	s.runs, s.seen, s.over = worth.Range{Low: low, High: high}, seen, over
	if told.Runs != nil {
		s.runs = *told.Runs
	}
	switch {
	case told.Attended != nil:
		s.attended, s.attendedHow = *told.Attended, "as told"
	case c.Settings.Attended >= 0:
		s.attended, s.attendedHow = c.Settings.Attended, "by the settings"
	default:
		s.attended, s.attendedHow = attended(c)
	}
	return s
}

// Where nothing is known half of a wait is taken to be attended, and that weighs as
// much as some days of runs do: who starts in an evening does not always.
const (
	attendedHalf = 0.5
	attendedDays = 3
)

// attended is learnt from when the runs ran.
func attended(c Case) (share float64, how string) {
	seen, days := past.Attended(c.Siblings, c.Settings)
	if days == 0 {
		return attendedHalf, "no run has ended yet: taken as half"
	}
	share = (seen*float64(days) + attendedHalf*attendedDays) / float64(days+attendedDays)
	how = fmt.Sprintf("as %.0f %% of the earlier runs' time fell into %g to %g h, Monday to Friday", 100*seen, c.Settings.WorkStart, c.Settings.WorkEnd)
	if days < 4*attendedDays {
		how += fmt.Sprintf("; of %s only, so that half counts too", daysOf(days))
	}
	return share, how
}

func daysOf(n int) string {
	if n == 1 {
		return "one day"
	}
	return fmt.Sprintf("%d days", n)
}

// freeWork is what a setting costs to change.
const freeWork = 1. / 12

// weigh turns a cure into a question and answers it.
func (s scales) weigh(c Case, told Told, cure why.Cure, seconds float64) (Item, error) {
	record := past.RecordOf(c.Cures, cure.ID)
	item := Item{ID: cure.ID, Title: cure.Title, How: cure.How, Free: cure.Free && told.Work == nil}
	truth := trust(record)
	share := stepShare(c.Run, seconds) * truth
	item.gain = worth.Range{Low: cure.GainLow * share, High: cure.GainHigh * share}
	q := worth.Question{Save: worth.Range{Low: item.gain.Low * seconds / 3600, High: item.gain.High * seconds / 3600}, Runs: s.runs,
		Chance: c.Settings.Chance, Works: record.Works, Failed: record.Failed, Attended: s.attended, Person: s.person, Machine: s.machine,
		Check: told.Check, Currency: c.Settings.Currency, Work: worth.Range{Low: cure.Work / 2, High: cure.Work * 2}}
	if item.Free {
		q.Work = worth.Point(min(cure.Work, freeWork))
	}
	if told.Save != nil {
		q.Save = *told.Save
		if seconds > 0 {
			item.gain = worth.Range{Low: min(q.Save.Low*3600/seconds, 1), High: min(q.Save.High*3600/seconds, 1)}
		}
	}
	if told.Work != nil {
		q.Work = *told.Work
	}
	switch {
	case told.Chance != nil:
		q.Chance, q.Works, q.Failed = *told.Chance, 0, 0
	case told.Record != nil:
		q.Works, q.Failed = told.Record[0], told.Record[1]
	}
	var err error
	item.Question = q
	if item.Answer, err = worth.Weigh(q); err != nil {
		return item, err
	}
	item.Verdict, item.Sentence = item.Answer.Verdict, item.Answer.Sentence(q)
	return item, nil
}

// enoughRated is from how many cures on what came true of forecasts counts.
const enoughRated = 3

// trust is how much of a forecast gain came true so far.
func trust(r past.Record) float64 {
	if r.Rated < enoughRated {
		return 1
	}
	return min(max(r.Ratio, 0), 1)
}

// assumed says where the figures come from.
func (s scales) assumed(c Case, told Told) (out []string) {
	if told.Runs == nil {
		out = append(out, fmt.Sprintf("planned: %.0f to %.0f runs in %.0f days, as %s in the last %.0f", math.Floor(s.runs.Low), s.runs.High,
			c.Settings.Horizon.Hours()/24, times(s.seen), s.over.Hours()/24))
	}
	out = append(out, fmt.Sprintf("attended: %.0f %% of the wait, %s", 100*s.attended, s.attendedHow),
		fmt.Sprintf("an hour: yours %g, the machine's %.3g %s (%s)", s.person, s.machine, c.Settings.Currency, s.machineHow))
	r := past.RecordOf(c.Cures, told.Cure)
	switch {
	case told.Chance != nil || told.Record != nil:
	case r.Works+r.Failed > 0:
		text := fmt.Sprintf("chance: %d of your last %d cures worked", r.Works, r.Works+r.Failed)
		if r.Rated >= enoughRated {
			text += fmt.Sprintf("; of what was forecast, %.0f %% came true", 100*r.Ratio)
		}
		out = append(out, text)
	default:
		out = append(out, fmt.Sprintf("chance that a cure works: %.0f %%, as none of yours is on record (stoker worth done)", 100*c.Settings.Chance))
	}
	return out
}

func times(n int) string {
	if n == 1 {
		return "one started"
	}
	return fmt.Sprintf("%d started", n)
}
