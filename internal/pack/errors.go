package pack

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"stoker/internal/dataset"
	"stoker/internal/errs"
	"stoker/internal/source"
)

// cannotRead turns an error of package os about a picture into one without its
// path, which is said once, by badError or in the ledger.
func cannotRead(err error) error {
	return errs.New(errs.KindOfFile(err, errs.Transient), "cannot be read: %w", errs.WithoutPath(err))
}

// reason is the text of a ledger line.
func reason(err error) string { return strings.ReplaceAll(err.Error(), "\n", " ") }

const skipHint = "repair or remove it, or leave such files out and list them with --on-bad skip"

// badError is the error of a picture that cannot be packed.
func (p *packer) badError(i int, err error) error {
	hint := skipHint
	if p.done > 0 {
		hint += "; then the same command continues where this one stopped"
	}
	if errs.Is(err, errs.Invalid) {
		hint += "; or raise --max-pixels and begin anew with --restart"
	}
	return errs.New(errs.KindOf(err), "%s: %w", source.Printable(p.src.Path(i)), err).WithHint("%s", hint)
}

// scanBadError is the error of files that the scan refused.
func scanBadError(src *source.Source) error {
	b := src.Bad[0]
	more := ""
	if n := len(src.Bad) - 1; n > 0 {
		more = fmt.Sprintf(" (and %d more like it: %s)", n, someOf(src.Bad[1:]))
	}
	return errs.New(errs.Invalid, "%s: %s%s", source.Printable(filepath.Join(src.Root, b.Path)), b.Reason, more).WithHint(skipHint)
}

// allBadError says that there is nothing to make a dataset of.
func allBadError(src *source.Source, bad []dataset.BadRow) error {
	all := append(append([]dataset.BadRow{}, src.Bad...), bad...)
	return errs.New(errs.Invalid, "no file could be packed: all %d are bad, such as %s: %s", len(all), all[0].Path, all[0].Reason).
		At(src.Root).WithHint("see what the files are, for example with the command `file`")
}

// damagedError is the error of pictures whose header is right and whose data are
// not: all are packed when indexing finds them.
func damagedError(root string, damaged []dataset.BadRow) error {
	b := damaged[0]
	more := ""
	if n := len(damaged) - 1; n > 0 {
		more = fmt.Sprintf(" (and %d more: %s)", n, someOf(damaged[1:]))
	}
	return errs.New(errs.Corrupt, "%s: %s%s", source.Printable(filepath.Join(root, b.Path)), b.Reason, more).
		WithHint("the same command with --on-bad skip keeps such pictures and lists them; to leave them out, pack anew with " +
			"--check decode --on-bad skip --restart; or repair or remove them and pack anew with --restart")
}

func someOf(bad []dataset.BadRow) string {
	var names []string
	for i, b := range bad {
		if i == 3 {
			names = append(names, "...")
			break
		}
		names = append(names, b.Path)
	}
	return strings.Join(names, ", ")
}

// explain puts an error of run in words for the user.
func (p *packer) explain(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return errs.New(errs.Canceled, "stopped after %d of %d files", p.done, p.src.Len()).At(p.opts.Output).
			WithHint("run the same command again: it continues where it stopped")
	}
	return p.keepHint(err)
}

// keepHint adds to errors that say nothing better what the user can do.
func (p *packer) keepHint(err error) error {
	if errs.HintOf(err) != "" {
		return err
	}
	return errs.New(errs.KindOf(err), "%w", err).WithHint("what was written is kept; run the same command again to continue")
}
