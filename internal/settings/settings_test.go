package settings

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"stoker/internal/errs"
)

func TestFileWinsOverDefaults(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config")
	t.Setenv("STOKER_CONFIG", path)
	s, err := Load()
	if err != nil || s.PersonHour != 50 || s.Path != path || s.MachineHour >= 0 {
		t.Fatal(s, err)
	}
	text := "# mine\ncurrency = EUR\nperson_hour=0 # a hobby\nhorizon = 2d\nworking_hours = 8.5-17\nprices = p.json\n\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err = Load()
	if err != nil || s.Currency != "EUR" || s.PersonHour != 0 || s.Horizon != 48*time.Hour || s.WorkStart != 8.5 || s.WorkEnd != 17 ||
		s.Prices != filepath.Join(filepath.Dir(path), "p.json") || s.Years != 3 {
		t.Fatalf("%+v %v", s, err)
	}
	for _, e := range s.List() {
		if e.Set != (strings.Contains(text, e.Key)) || e.Value == "" {
			t.Errorf("%+v", e)
		}
	}
}

func TestNonsenseNamesItsLine(t *testing.T) {
	for _, line := range []string{"person_hours = 3", "person_hour = much", "attended = 2", "horizon = -3d", "working_hours = 18-9",
		"duty = 0", "currency =", "= 3", "person_hour", "electricity = NaN"} {
		_, err := Parse("currency = USD\n" + line + "\n")
		if !errs.Is(err, errs.Invalid) || !strings.Contains(err.Error(), "line 2") || errs.HintOf(err) == "" {
			t.Errorf("%s: %v", line, err)
		}
	}
}

func TestTemplateIsAValidFileOfItsOwnExamples(t *testing.T) {
	if s, err := Parse(Template()); err != nil || len(s.Set) != 0 {
		t.Fatal(s.Set, err)
	}
	var active strings.Builder
	for line := range strings.Lines(Template()) {
		if strings.Contains(line, " = ") {
			active.WriteString(strings.TrimPrefix(line, "# "))
		}
	}
	if s, err := Parse(active.String()); err != nil || len(s.Set) != len(fields) {
		t.Fatal(s.Set, err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add("currency = EUR\nhorizon = 30d")
	f.Fuzz(func(_ *testing.T, text string) { _, _ = Parse(text) })
}
