// Command stoker packs datasets, feeds training loops, and watches training
// runs. `stoker help` lists what it does; ARCHITECTURE.md says how.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"stoker/internal/errs"
)

// version is that of the VERSION file; the build sets it.
var version = "dev"

// Exit codes, listed in the root command's help.
const (
	exitFailure   = 1
	exitUsage     = 2
	exitNotFound  = 3
	exitCorrupt   = 4
	exitExhausted = 5
	exitInterrupt = 130
)

// exitError carries a command's own exit status, already explained to the user.
type exitError int

func (e exitError) Error() string { return fmt.Sprintf("exit status %d", int(e)) }

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	started := false
	err := rootCommand(&started).ExecuteContext(ctx)
	interrupted := ctx.Err() != nil
	stop()
	if err != nil && !started && errs.KindOf(err) == errs.Internal {
		err = errs.New(errs.Invalid, "%w", err).WithHint("see: stoker --help")
	}
	os.Exit(report(err, interrupted))
}

// rootCommand returns the tree of commands. It sets started once the arguments
// made sense: what fails before is the user's, not ours.
func rootCommand(started *bool) *cobra.Command {
	cobra.EnableCommandSorting = false // related commands stand together
	root := &cobra.Command{
		Use:   "stoker",
		Short: "Shorten the wait for training, and make the rest bearable",
		Long: `Stoker packs raw data once into a form cheap to read, feeds training loops
without making them wait, watches training runs, and says where their time goes.

Exit codes: 0 success, 1 failure, 2 wrong usage, 3 not found, 4 corrupt data,
5 memory or disk exhausted, 130 interrupted.`,
		Version:       version,
		SilenceErrors: true,
		SilenceUsage:  true,

		PersistentPreRun: func(*cobra.Command, []string) { *started = true },
	}
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return errs.New(errs.Invalid, "%w", err).WithHint("see: %s --help", cmd.CommandPath())
	})
	for _, g := range commands() {
		root.AddGroup(&cobra.Group{ID: g.id, Title: g.title})
		for _, cmd := range g.commands {
			cmd.GroupID = g.id
			root.AddCommand(cmd)
		}
	}
	root.AddCommand(devCommand())
	root.AddCommand(runProcesses()...)
	return root
}

// group is a part of the root command's help.
type group struct {
	id, title string
	commands  []*cobra.Command
}

// commands lists every command of a user, part by part; each lives in
// cmd_<verb>.go.
func commands() []group {
	return []group{
		{"data", "Datasets and feeding:", []*cobra.Command{
			packCommand(), inspectCommand(), verifyCommand(), indexCommand(), exportCommand(),
			benchCommand(), planCommand(), serveCommand(),
		}},
		{"runs", "Training runs:", []*cobra.Command{
			runCommand(), psCommand(), attachCommand(), logsCommand(), stopCommand(), watchCommand(), rmCommand(), runsCommand(),
		}},
		{"advice", "Where the time goes, and whether to act:", []*cobra.Command{
			whyCommand(), worthCommand(), compareCommand(), estimateCommand(), calibrateCommand(), configCommand(),
		}},
	}
}

// report prints err as users see it and returns the process's exit code.
func report(err error, interrupted bool) int {
	if err == nil {
		return 0
	}
	var exit exitError
	if errors.As(err, &exit) {
		return int(exit)
	}
	fmt.Fprintf(os.Stderr, "stoker: %v\n", err)
	if hint := errs.HintOf(err); hint != "" {
		fmt.Fprintf(os.Stderr, "hint: %s\n", hint)
	}
	if interrupted {
		return exitInterrupt
	}
	switch errs.KindOf(err) {
	case errs.Invalid:
		return exitUsage
	case errs.NotFound:
		return exitNotFound
	case errs.Corrupt:
		return exitCorrupt
	case errs.Exhausted:
		return exitExhausted
	}
	return exitFailure
}
