package transform_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"stoker/internal/transform"
)

// TestDocumentationNamesEveryMember: docs/transforms.md has a row for each
// operation, with all its members.
func TestDocumentationNamesEveryMember(t *testing.T) {
	page, err := os.ReadFile("../../docs/transforms.md")
	if err != nil {
		t.Fatal(err)
	}
	for name, members := range transform.Members() {
		_, row, found := strings.Cut(string(page), "\n| `"+name+"` |")
		if !found {
			t.Errorf("%s has no row", name)
			continue
		}
		row, _, _ = strings.Cut(row, "\n")
		for _, m := range members {
			if !strings.Contains(row, "`"+m+"`") {
				t.Errorf("%s: member %s is not named", name, m)
			}
		}
	}
	_, example, _ := strings.Cut(string(page), "```json\n")
	example, _, _ = strings.Cut(example, "```")
	if !json.Valid([]byte(example)) {
		t.Fatal("the example is no JSON")
	}
	compile(t, example)
}
