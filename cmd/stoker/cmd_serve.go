package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"stoker/internal/daemon"
	"stoker/internal/engine"
	"stoker/internal/errs"
	"stoker/internal/sysinfo"
)

// engineNice is the engine's niceness: where trainer and engine want one core,
// the trainer gets three times the engine's share of it.
const engineNice = 5

// spareThreads run beside the decoders, so that a batch that is ready is handed
// over at once though every core decodes: without them it waits for a decoder to
// come to its end, some milliseconds.
const spareThreads = 2

// inheritedSocket is the descriptor number at which a detached engine finds the
// socket that its starter listens on already.
const inheritedSocket = 3

func serveCommand() *cobra.Command {
	var socket string
	var detach, inherit bool
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run the engine that feeds training loops (Python starts it by itself)",
		Long: `Serve runs the engine: one process per user and machine that reads, decodes and
augments for all training processes. The Python package starts it when a Loader
needs it, and it ends half a second after the last Loader is gone.

Where an engine listens already, serve says so and succeeds.`,
		Example: `  stoker serve                      # in the foreground, with a log on stderr
  STOKER_ENGINE=@mine stoker serve --socket @mine`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if socket == "" {
				socket = daemon.DefaultName(version)
			}
			switch {
			case inherit:
				return serveInherited(cmd.Context())
			case detach:
				return detachEngine(socket)
			}
			l, err := daemon.Listen(socket)
			if errors.Is(err, daemon.ErrRunning) {
				fmt.Fprintf(os.Stderr, "an engine listens on %s already\n", socket)
				return nil
			}
			if err != nil {
				return err
			}
			log := func(format string, args ...any) {
				fmt.Fprintf(os.Stderr, time.Now().Format("15:04:05.000 ")+format+"\n", args...)
			}
			log("listening on %s", socket)
			return serve(cmd.Context(), l, log)
		},
	}
	cmd.Flags().BoolVar(&detach, "detach", false, "start the engine in the background and return when it listens")
	cmd.Flags().StringVar(&socket, "socket", "", "name of the Unix socket; a leading @ means abstract (default: this user's)")
	cmd.Flags().BoolVar(&inherit, "inherit", false, "take the socket from the process that started this one")
	cmd.Flags().Lookup("inherit").Hidden = true
	return cmd
}

// detachEngine listens, and leaves the socket to a new process of a session of
// its own. Clients can connect from the moment that this returns.
func detachEngine(socket string) error {
	l, err := daemon.Listen(socket)
	if errors.Is(err, daemon.ErrRunning) {
		return nil
	}
	if err != nil {
		return err
	}
	l.SetUnlinkOnClose(false)
	file, err := l.File()
	if err != nil {
		return errs.New(errs.Exhausted, "cannot pass the socket on: %w", err)
	}
	self, err := os.Executable()
	if err != nil {
		return errs.New(errs.Internal, "cannot find this program: %w", err)
	}
	cmd := exec.Command(self, "serve", "--inherit", "--socket", socket)
	cmd.ExtraFiles = []*os.File{file}
	cmd.Dir = "/" // no folder is kept busy
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return errs.New(errs.Exhausted, "cannot start the engine: %w", err)
	}
	return cmd.Process.Release()
}

func serveInherited(ctx context.Context) error {
	file := os.NewFile(inheritedSocket, "socket")
	if file == nil {
		return errs.New(errs.Invalid, "no socket was passed at descriptor %d", inheritedSocket)
	}
	l, err := net.FileListener(file)
	if err != nil {
		return errs.New(errs.Invalid, "what was passed at descriptor %d is no socket: %w", inheritedSocket, err)
	}
	if err := file.Close(); err != nil {
		return err
	}
	unix, ok := l.(*net.UnixListener)
	if !ok {
		return errs.New(errs.Invalid, "what was passed at descriptor %d is no Unix socket", inheritedSocket)
	}
	return serve(ctx, unix, nil)
}

// serve runs the engine with this process's share of the machine.
func serve(ctx context.Context, l *net.UnixListener, log func(string, ...any)) error {
	if err := sysinfo.YieldToOthers(engineNice); err != nil && log != nil {
		log("the priority stays as it is: %v", err)
	}
	budget := engine.NewBudget(0, 0)
	runtime.GOMAXPROCS(budget.Cores() + spareThreads)
	limitHeap(budget)
	return daemon.Serve(ctx, l, daemon.Options{Version: version, Budget: budget, Cache: cacheFolder(), Log: log})
}

// gcPercent is how much the heap may grow over what is in use before it is
// collected. Nothing is allocated per sample, and what is in use are plain bytes,
// so collections are rare and short; the usual 100 would only keep twice the
// memory.
const gcPercent = 25

// limitHeap bounds the heap: stored bytes and decoded pictures, slots are not in
// it. GOGC and GOMEMLIMIT, where set, stay in force.
func limitHeap(b *engine.Budget) {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(b.MemoryBytes())
	}
}
