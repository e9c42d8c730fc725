package prices

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"stoker/internal/errs"
	"stoker/internal/settings"
)

func builtin(t testing.TB) List {
	l, err := Load("")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestMachinesAreRecognisedExactlyOrNotAtAll(t *testing.T) {
	l, s := builtin(t), settings.Default()
	for machine, want := range map[string]float64{
		"4 x Intel(R) Xeon(R) Platinum 8259CL CPU @ 2.50GHz, 15 GiB, Tesla T4":                 0.526,
		"96 x AMD EPYC 7R13 Processor, 1100 GiB, NVIDIA A100-SXM4-40GB, NVIDIA A100-SXM4-40GB": 2 * 21.957642 / 8,
		"8 x Intel(R) Xeon(R) Platinum 8488C, 15 GiB":                                          0.357,
		"8 x Intel(R) Xeon(R) Platinum 8488C, 31 GiB":                                          0.4032,
		"RTX 4090":         -1, // a person leaves GeForce out: not this device's name
		"GeForce RTX 4090": (1599+1500)/(3*8766*0.25) + 0.6*0.30,
		"16 x AMD Ryzen, 62 GiB, NVIDIA GeForce RTX 4090 Laptop GPU":         -1,
		"8 x Intel(R) Xeon(R) Platinum 8488C, 250 GiB":                       -1,
		"2 x Intel(R) Xeon(R) CPU @ 2.20GHz, 13 GiB":                         -1,
		"8 x AMD EPYC 7R13 Processor, 31 GiB, Tesla T4, NVIDIA GeForce 9999": -1,
		"": -1,
	} {
		p := l.Of(machine, s)
		switch {
		case want < 0 && (p.Known || !strings.HasPrefix(p.How, "no price known")):
			t.Errorf("%s: %+v, want none", machine, p)
		case want >= 0 && (!p.Known || math.Abs(p.Hour-want) > 0.001):
			t.Errorf("%s: %+v, want %g", machine, p, want)
		}
	}
	if p := l.Of("8 x EPYC, 31 GiB, NVIDIA A100-SXM4-40GB", s); !strings.Contains(p.How, "lambda-a100") || !strings.Contains(p.How, l.Date) {
		t.Error(p.How)
	}
}

func TestAnotherCurrencyWantsAnExchange(t *testing.T) {
	l, s := builtin(t), settings.Default()
	s.Currency = "EUR"
	if p := l.Of("x, Tesla T4", s); p.Known {
		t.Error(p)
	}
	s.Exchange = 0.5
	if p, _ := l.Parse("g4dn.xlarge", s); !p.Known || p.Hour != 0.263 {
		t.Error(p)
	}
	if p, _ := l.Parse("0.35/h", s); p.Hour != 0.35 { // told in one's own currency
		t.Error(p)
	}
}

func TestToldPrices(t *testing.T) {
	l, s := builtin(t), settings.Default()
	for text, want := range map[string]float64{"0": 0, "0.35": 0.35, "1.5/h": 1.5, "G5.xlarge": 1.006, "2xg5.xlarge": 2.012,
		"3100+600W": 3100./(3*8766*0.25) + 0.18} {
		if p, err := l.Parse(text, s); err != nil || !p.Known || math.Abs(p.Hour-want) > 1e-9 {
			t.Errorf("%s: %+v %v, want %g", text, p, err, want)
		}
	}
	for _, text := range []string{"", "-1", "NaN", "free", "3100+600", "0xg5.xlarge"} {
		if p, err := l.Parse(text, s); !errs.Is(err, errs.Invalid) {
			t.Errorf("%s: %+v %v", text, p, err)
		}
	}
}

func TestAListOfOnesOwn(t *testing.T) {
	path := filepath.Join(t.TempDir(), "p.json")
	for text, kind := range map[string]errs.Kind{
		`{"date":"2026-01-01","currency":"EUR","machines":[{"name":"lab","gpus":["Tesla T4"],"hour":0.1}]}`: errs.Internal,
		`{"machines":[]}`: errs.Corrupt, `[]`: errs.Corrupt,
		`{"date":"d","currency":"EUR","machines":[{"name":"x","hour":-1}]}`: errs.Corrupt,
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Load(path); err != nil && !errs.Is(err, kind) || err == nil && kind != errs.Internal {
			t.Errorf("%s: %v", text, err)
		}
	}
	if _, err := Load(path + "x"); !errs.Is(err, errs.NotFound) {
		t.Error(err)
	}
	names := map[string]bool{}
	for _, m := range builtin(t).Machines {
		if names[m.Name] || m.Source == "" || len(m.GPUs)+len(m.CPUs) == 0 || (m.Hour > 0) == (m.Price > 0) {
			t.Errorf("%+v", m)
		}
		names[m.Name] = true
	}
}

func FuzzMachine(f *testing.F) {
	f.Add("8 x Intel(R) Xeon(R) Platinum 8488C, 15 GiB, Tesla T4")
	l := builtin(f)
	f.Fuzz(func(_ *testing.T, machine string) { l.Of(machine, settings.Default()) })
}
