package settings

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// field is one setting: how it is told apart, read, and shown.
type field struct {
	key, about, example string
	set                 func(*Settings, string) bool
	show                func(Settings) string
}

var fields = []field{
	{"currency", "what all money is in", "EUR",
		func(s *Settings, v string) bool {
			s.Currency = v
			return v != "" && len(v) <= 8 && !strings.ContainsAny(v, " \t\x1b")
		},
		func(s Settings) string { return s.Currency }},
	number("exchange", "price of one unit of the price list's currency in yours, where they differ", "0.92", 0, 1e6,
		func(s *Settings) *float64 { return &s.Exchange }, "not told"),
	number("person_hour", "price of an hour of yours; 0: it has none", "50", 0, 1e6,
		func(s *Settings) *float64 { return &s.PersonHour }, ""),
	number("machine_hour", "price of an hour of this machine; without it the price list is asked", "0.80", 0, 1e6,
		func(s *Settings) *float64 { return &s.MachineHour }, "from the price list"),
	number("electricity", "price of a kWh, for bought hardware", "0.30", 0, 1e3,
		func(s *Settings) *float64 { return &s.Electricity }, ""),
	number("attended", "share of the wait that costs you time, 0 to 1; without it, what of your runs falls into working hours", "0.5", 0, 1,
		func(s *Settings) *float64 { return &s.Attended }, "from working hours"),
	{"working_hours", "hours of the day in which a wait is attended, Monday to Friday", "9-18", setHours,
		func(s Settings) string { return short(s.WorkStart) + "-" + short(s.WorkEnd) }},
	{"horizon", "how far ahead runs are planned", "30d", setHorizon,
		func(s Settings) string { return short(s.Horizon.Hours()/24) + "d" }},
	number("chance", "that a cure works, as long as none of your own is on record", "0.5", 0, 1,
		func(s *Settings) *float64 { return &s.Chance }, ""),
	number("years", "life of bought hardware", "3", 0.1, 50,
		func(s *Settings) *float64 { return &s.Years }, ""),
	number("duty", "share of its life in which bought hardware works", "0.25", 0.001, 1,
		func(s *Settings) *float64 { return &s.Duty }, ""),
	{"prices", "a price list of your own, instead of the one built in; see stoker config --prices", "prices.json",
		func(s *Settings, v string) bool { s.Prices = v; return v != "" },
		func(s Settings) string {
			if s.Prices == "" {
				return "built in"
			}
			return s.Prices
		}},
}

// number is a setting that is a number from least to most. unset is what is shown
// for a value that the file does not give and that has no default.
func number(key, about, example string, least, most float64, at func(*Settings) *float64, unset string) field {
	return field{key, about, example,
		func(s *Settings, v string) bool {
			x, err := strconv.ParseFloat(v, 64)
			*at(s) = x
			return err == nil && x >= least && x <= most && !math.IsNaN(x)
		},
		func(s Settings) string {
			if unset != "" && !slices.Contains(s.Set, key) {
				return unset
			}
			return short(*at(&s))
		}}
}

func setHours(s *Settings, v string) bool {
	n, err := fmt.Sscanf(v, "%f-%f", &s.WorkStart, &s.WorkEnd)
	return n == 2 && err == nil && s.WorkStart >= 0 && s.WorkStart <= s.WorkEnd && s.WorkEnd <= 24
}

func setHorizon(s *Settings, v string) bool {
	days, found := strings.CutSuffix(v, "d")
	if found {
		x, err := strconv.ParseFloat(days, 64)
		s.Horizon = time.Duration(x * 24 * float64(time.Hour))
		return err == nil && x > 0 && x <= 36500
	}
	d, err := time.ParseDuration(v)
	s.Horizon = d
	return err == nil && d > 0
}

func short(x float64) string { return strconv.FormatFloat(x, 'g', 6, 64) }

func keys() string {
	var all []string
	for _, f := range fields {
		all = append(all, f.key)
	}
	return strings.Join(all, ", ")
}

// Entry is one setting as it is shown.
type Entry struct {
	Key   string `json:"key"`
	Value string `json:"value"`
	About string `json:"about"`
	Set   bool   `json:"set"` // by the file; else it is the default
}

// List returns all settings with what holds now.
func (s Settings) List() []Entry {
	var out []Entry
	for _, f := range fields {
		out = append(out, Entry{Key: f.key, Value: f.show(s), About: f.about, Set: slices.Contains(s.Set, f.key)})
	}
	return out
}

// Template is a settings file with every setting explained and commented out.
func Template() string {
	var b strings.Builder
	b.WriteString("# Settings of Stoker. A line without # counts.\n")
	for _, f := range fields {
		fmt.Fprintf(&b, "\n# %s\n# %s = %s\n", f.about, f.key, f.example)
	}
	return b.String()
}
