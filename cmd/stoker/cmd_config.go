package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"stoker/internal/errs"
	"stoker/internal/run/prices"
	"stoker/internal/settings"
)

func configCommand() *cobra.Command {
	var create, list, asJSON bool
	cmd := &cobra.Command{
		Use:   "config",
		Short: "Show the settings: what your hour and the machine's cost, and the price list",
		Long: `Settings live in one text file, KEY = VALUE to a line: $STOKER_CONFIG, else
~/.config/stoker/config. Without it the defaults hold; flags of commands go first.`,
		Example: `  stoker config
  stoker config --create                 # write a file with every setting explained, to edit
  stoker config --prices > prices.json   # a price list to edit; then set: prices = prices.json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if list {
				return printPrices(cmd.OutOrStdout())
			}
			s, err := settings.Load()
			if err != nil {
				return err
			}
			if create {
				return createSettings(s.Path)
			}
			return printSettings(cmd.OutOrStdout(), s, asJSON)
		},
	}
	flags := cmd.Flags()
	flags.BoolVar(&create, "create", false, "write a settings file with every setting explained, all of them commented out")
	flags.BoolVar(&list, "prices", false, "print the price list in use, as JSON")
	flags.BoolVar(&asJSON, "json", false, "print the settings as JSON")
	return cmd
}

func printSettings(out io.Writer, s settings.Settings, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(out).Encode(map[string]any{"path": s.Path, "settings": s.List()})
	}
	where := s.Path
	if _, err := os.Stat(s.Path); err != nil {
		where += " (not there: defaults hold; stoker config --create)"
	}
	fmt.Fprintln(out, where)
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, e := range s.List() {
		mark := " "
		if e.Set {
			mark = "*"
		}
		fmt.Fprintf(table, "%s %s\t%s\t%s\n", mark, e.Key, e.Value, e.About)
	}
	if err := table.Flush(); err != nil {
		return errs.New(errs.Transient, "print: %w", err)
	}
	return nil
}

func createSettings(path string) error {
	if path == "" {
		return errs.New(errs.NotFound, "no place for settings: this user has no home").WithHint("set STOKER_CONFIG to a path")
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return errs.New(errs.Permission, "create settings: %w", err).At(path)
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return errs.New(errs.Invalid, "there are settings already").At(path).WithHint("edit the file")
	}
	if err != nil {
		return errs.New(errs.Permission, "create settings: %w", err).At(path)
	}
	_, err = f.WriteString(settings.Template())
	if err := errors.Join(err, f.Close()); err != nil {
		return errs.New(errs.Exhausted, "create settings: %w", err).At(path)
	}
	fmt.Fprintln(os.Stderr, "stoker: wrote "+path)
	return nil
}

// printPrices prints the list that the settings name, checked.
func printPrices(out io.Writer) error {
	s, err := settings.Load()
	if err != nil {
		return err
	}
	if _, err := prices.Load(s.Prices); err != nil {
		return err
	}
	raw := prices.BuiltIn()
	if s.Prices != "" {
		if raw, err = os.ReadFile(s.Prices); err != nil {
			return errs.New(errs.NotFound, "read price list: %w", err).At(s.Prices)
		}
	}
	if _, err := out.Write(raw); err != nil {
		return errs.New(errs.Transient, "print: %w", err)
	}
	return nil
}
