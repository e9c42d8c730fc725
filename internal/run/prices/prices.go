// Package prices says what an hour of a machine costs: a dated list of a few
// clouds' prices and of hardware that people buy, which a user can replace.
//
// A machine is recognised by the exact name of its GPU or processor. What is not
// on the list has no price; nothing is guessed.
package prices

import (
	_ "embed" // the list
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"stoker/internal/errs"
	"stoker/internal/settings"
)

//go:embed prices.json
var builtIn []byte

// List is a price list.
type List struct {
	Date     string    `json:"date"` // of the prices
	Currency string    `json:"currency"`
	About    string    `json:"about,omitempty"`
	Around   Around    `json:"around"`
	Machines []Machine `json:"machines"`
}

// Around is what sits around a bought card or processor.
type Around struct {
	Price float64 `json:"price"`
	Watts float64 `json:"watts"`
}

// Machine is one entry: a cloud's, with Hour, or bought hardware, with Price.
type Machine struct {
	Name string   `json:"name"`
	GPUs []string `json:"gpus,omitempty"` // names of the device as its driver gives them
	CPUs []string `json:"cpus,omitempty"` // names of the processor as the kernel gives them
	// GiBPerCPU tells machines of the same processor apart; 0: it does not matter.
	GiBPerCPU float64 `json:"gib_per_cpu,omitempty"`
	Hour      float64 `json:"hour,omitempty"`  // of one GPU, or of one CPU
	Price     float64 `json:"price,omitempty"` // of one
	Watts     float64 `json:"watts,omitempty"` // rated, of one; 0 unknown
	Where     string  `json:"where,omitempty"`
	Source    string  `json:"source,omitempty"`
}

// BuiltIn is the list that Stoker carries, as it stands in its file.
func BuiltIn() []byte { return slices.Clone(builtIn) }

// Load reads the list at path; "" is the one built in.
func Load(path string) (List, error) {
	raw := builtIn
	if path != "" {
		var err error
		if raw, err = os.ReadFile(path); err != nil {
			return List{}, errs.New(errs.NotFound, "read price list: %w", err).At(path)
		}
	}
	var l List
	if err := json.Unmarshal(raw, &l); err != nil {
		return l, errs.New(errs.Corrupt, "price list: %w", err).At(path).WithHint("stoker config --prices prints one to begin with")
	}
	if l.Currency == "" || l.Date == "" {
		return l, errs.New(errs.Corrupt, "price list without date or currency").At(path)
	}
	for _, m := range l.Machines {
		if m.Name == "" || m.Hour < 0 || m.Price < 0 || m.Watts < 0 || m.Hour > 0 && m.Price > 0 {
			return l, errs.New(errs.Corrupt, "price list: the entry %q has no name, a negative amount, or both an hour and a price", m.Name).At(path)
		}
	}
	return l, nil
}

// Price is what is known of a machine. Hour is in the currency of the settings.
type Price struct {
	Known bool    `json:"known"`
	Hour  float64 `json:"hour"`
	How   string  `json:"how"` // what matched, or why there is no price, in words
	// Watts is the rated power of what was matched, 0 unknown.
	Watts float64 `json:"watts,omitempty"`
}

// Told is a price that the user gave.
func Told(hour float64) Price { return Price{Known: true, Hour: hour, How: "as told"} }

// Of finds the price of a machine from its description, as package procs writes
// it: "8 x AMD EPYC, 31 GiB, Tesla T4".
func (l List) Of(machine string, s settings.Settings) Price {
	h := parse(machine)
	var found []Machine
	for _, m := range l.Machines {
		if m.fits(h) {
			found = append(found, m)
		}
	}
	if len(found) == 0 {
		name := h.cpu
		if len(h.gpus) > 0 {
			name = strings.Join(h.gpus, ", ")
		}
		if name == "" {
			return Price{How: "no price known: the record does not say what machine it was"}
		}
		return Price{How: "no price known for " + name}
	}
	p := l.price(found[0], found[0].count(h), s)
	if len(found) > 1 {
		var others []string
		for _, m := range found[1:] {
			others = append(others, m.Name)
		}
		p.How += "; also listed: " + strings.Join(others, ", ")
	}
	return p
}

// Parse reads what a user says of a machine's price: "0.35" or "0.35/h", the name
// of an entry ("g5.xlarge", "2xg5.xlarge"), or bought hardware as its price and
// power ("3100+600W"). Errors are errs.Invalid.
func (l List) Parse(text string, s settings.Settings) (Price, error) {
	if hour, err := strconv.ParseFloat(strings.TrimSuffix(text, "/h"), 64); err == nil && hour >= 0 && hour < 1e9 {
		return Told(hour), nil
	}
	var price, watts float64
	if n, _ := fmt.Sscanf(text, "%f+%fW", &price, &watts); n == 2 && price >= 0 && watts >= 0 && strings.HasSuffix(text, "W") {
		own := List{Date: l.Date, Currency: s.Currency}
		return own.price(Machine{Name: "bought", Price: price, Watts: watts}, 1, s), nil
	}
	count, name := 1, text
	if before, after, ok := strings.Cut(text, "x"); ok {
		if n, err := strconv.Atoi(before); err == nil && n > 0 {
			count, name = n, after
		}
	}
	for _, m := range l.Machines {
		if strings.EqualFold(m.Name, name) {
			return l.price(m, count, s), nil
		}
	}
	return Price{}, errs.New(errs.Invalid, "%q is no price", text).
		WithHint("write 0.35/h, bought hardware as 3100+600W, or a name of the price list (stoker config --prices)")
}

const hoursPerYear = 8766

// price is that of n units of m.
func (l List) price(m Machine, n int, s settings.Settings) Price {
	rate, ok := l.exchange(s)
	if !ok {
		return Price{How: fmt.Sprintf("no price known in %s: %s is listed in %s, and the setting exchange is not told", s.Currency, m.Name, l.Currency)}
	}
	units := float64(n)
	if m.Price == 0 {
		p := Price{Known: true, Hour: rate * units * m.Hour, Watts: units * m.Watts}
		p.How = fmt.Sprintf("%s, %s, price of %s", times(n, m.Name), m.Where, l.Date)
		return p
	}
	watts := units*m.Watts + l.Around.Watts
	bought := rate * (units*m.Price + l.Around.Price)
	return Price{Known: true, Hour: bought/(s.Years*hoursPerYear*s.Duty) + watts/1000*s.Electricity, Watts: watts,
		How: fmt.Sprintf("%s bought for %.0f with the machine around it, %g years at %.0f %% duty, %.0f W", times(n, m.Name), bought, s.Years, 100*s.Duty, watts)}
}

func (l List) exchange(s settings.Settings) (rate float64, ok bool) {
	if s.Exchange > 0 && !strings.EqualFold(l.Currency, s.Currency) {
		return s.Exchange, true
	}
	return 1, strings.EqualFold(l.Currency, s.Currency)
}

func times(n int, name string) string {
	if n == 1 {
		return name
	}
	return fmt.Sprintf("%d x %s", n, name)
}
