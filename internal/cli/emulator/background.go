package emulator

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/openspapi/spapi/emulator"
	"github.com/openspapi/spapi/internal/cli/exit"
	"github.com/openspapi/spapi/internal/cli/output"
)

// launch makes the command that runs this program again with other arguments.
type launch func(args ...string) (*exec.Cmd, error)

func launchSelf(args ...string) (*exec.Cmd, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	return exec.Command(self, args...), nil //nolint:noctx // it outlives this process
}

// background starts an emulator in a process of its own, and prints what tells where it is as soon as it is ready.
func background(cmd *cobra.Command, opts *Options) (err error) {
	child, err := opts.launch(append([]string{"emulator"}, changed(cmd.Flags(), "background", "env")...)...)
	if err != nil {
		return err
	}
	detach(child)
	// What it says goes to a file, not to a pipe: nobody reads it later, and a process that writes to such a pipe is killed.
	said, err := os.CreateTemp("", "spapi-emulator-*.log")
	if err != nil {
		return err
	}
	defer func() { _ = said.Close(); _ = os.Remove(said.Name()) }()
	child.Stderr = said
	stdout, err := child.StdoutPipe()
	if err != nil {
		return err
	}
	if err := child.Start(); err != nil {
		return err
	}
	stop := make(chan struct{})
	defer close(stop)
	go func() {
		select {
		case <-cmd.Context().Done():
			_ = child.Process.Kill() // which ends the reading
		case <-stop:
		}
	}()
	text, readErr := bufio.NewReader(stdout).ReadBytes('\n')
	if _, err := said.Seek(0, io.SeekStart); err == nil {
		_, _ = io.Copy(opts.Streams.Err, said)
	}
	if readErr != nil {
		err := child.Wait()
		if cmd.Context().Err() != nil {
			return cmd.Context().Err()
		}
		if status, ok := errors.AsType[*exec.ExitError](err); ok && status.ExitCode() > 0 {
			return &exit.StatusError{Status: status.ExitCode()} // it has said why
		}
		return fmt.Errorf("the emulator ended before it was ready: %w", errors.Join(err, readErr))
	}
	line, err := tell(opts, text, child.Process.Pid)
	if err != nil {
		_ = child.Process.Kill()
		_ = child.Wait() // that it was killed is no news
		return err
	}
	if opts.Streams.ErrIsTerminal {
		fmt.Fprintf(opts.Streams.Err, "serving on %s, queues on %s; \"kill %d\" stops it\n", line.URL, line.SQSURL, line.PID)
	}
	return child.Process.Release()
}

// tell prints the line of the emulator's, or the environment that it comes to.
func tell(opts *Options, text []byte, pid int) (line ready, err error) {
	if err := json.NewDecoder(bytes.NewReader(text)).Decode(&line); err != nil {
		return line, fmt.Errorf("the emulator printed %q", text)
	}
	line.PID = pid
	if opts.Env == "" {
		return line, output.WriteJSON(opts.Streams.Out, line)
	}
	if line.CAFile == "" {
		return line, errors.New("--env needs a certificate authority: --ca-dir names a folder that can be written to")
	}
	at, err := url.Parse(line.URL)
	if err != nil {
		return line, err
	}
	emu, err := emulator.New(emulator.WithOrders(0)) // any knows the hosts
	if err != nil {
		return line, err
	}
	return line, printEnvironment(opts, line, newKit(line.CAFile), at.Host, emu.Hosts())
}

// changed are the flags of a command line, but for some, each with its value.
func changed(flags *pflag.FlagSet, without ...string) (args []string) {
	flags.Visit(func(f *pflag.Flag) {
		if slices.Contains(without, f.Name) {
			return
		}
		list := []string{f.Value.String()}
		if several, ok := f.Value.(pflag.SliceValue); ok {
			list = several.GetSlice()
		}
		for _, value := range list {
			args = append(args, "--"+f.Name+"="+value)
		}
	})
	return args
}
