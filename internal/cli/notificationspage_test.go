package cli_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/config"
	awssqs "github.com/aws/aws-sdk-go-v2/service/sqs"
)

// aws stands for AWS's command line as far as docs/notifications.md uses it: "aws sqs create-queue --queue-name NAME --attributes NAME=VALUE,… | file://NAME". Like
// that it takes its settings from the environment, which leads to the emulator.
func aws() {
	err := func() error {
		if len(os.Args) != 7 || os.Args[1] != "sqs" || os.Args[2] != "create-queue" || os.Args[3] != "--queue-name" || os.Args[5] != "--attributes" {
			return fmt.Errorf("aws: this isn't known here: %q", os.Args[1:])
		}
		attributes := map[string]string{}
		if file, isFile := strings.CutPrefix(os.Args[6], "file://"); isFile {
			text, err := os.ReadFile(file)
			if err != nil {
				return err
			}
			if err := json.Unmarshal(text, &attributes); err != nil {
				return err
			}
		} else {
			for pair := range strings.SplitSeq(os.Args[6], ",") {
				name, value, _ := strings.Cut(pair, "=")
				attributes[name] = value
			}
		}
		settings, err := config.LoadDefaultConfig(context.Background())
		if err != nil {
			return err
		}
		out, err := awssqs.NewFromConfig(settings).CreateQueue(context.Background(), &awssqs.CreateQueueInput{QueueName: &os.Args[4], Attributes: attributes})
		if err != nil {
			return err
		}
		fmt.Println(*out.QueueUrl)
		return nil
	}()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// TestNotificationsPage runs the commands of docs/notifications.md, and the README's, block after block, each with an emulator of its own in place of Amazon and AWS.
func TestNotificationsPage(t *testing.T) {
	if testing.Short() {
		t.Skip("each line starts a process, which takes a second under the race detector")
	}
	page, err := os.ReadFile("../../docs/notifications.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := func(kind string) (list []string) {
		for _, m := range regexp.MustCompile("(?s)```"+kind+"\n(.*?)```").FindAllStringSubmatch(string(page), -1) {
			list = append(list, m[1])
		}
		return list
	}
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(readme), "### When something changes\n")
	_, line, _ := strings.Cut(section, "```sh\nbin/")
	line, _, _ = strings.Cut(line, "```")
	shell, files := append(blocks("sh"), line), blocks("yaml")
	want := []string{"ORDER_CHANGE", `"ok":true`, `"type":"ORDER_CHANGE"`}
	if len(shell) != len(want) || len(files) == 0 {
		t.Fatalf("the page has %d blocks of commands and %d files", len(shell), len(files))
	}
	for i, script := range shell {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "notifications.yaml"), []byte(files[0]), 0o600); err != nil {
			t.Fatal(err)
		}
		const begin, end = "eval \"$(spapi emulator --env --background)\"\n", "kill \"$SPAPI_EMULATOR_PID\"\n"
		if !strings.HasPrefix(script, begin) { // what is said of Amazon is tried at an emulator
			script = begin + script + end
		}
		// Whatever fails, the emulator ends.
		script = "set -e\n" + strings.Replace(script, begin, begin+"trap 'kill \"$SPAPI_EMULATOR_PID\"' EXIT\n", 1)
		script = strings.Replace(script, end, "", 1)
		cmd := exec.Command("sh", "-c", script)
		cmd.Dir = dir
		cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "XDG_CACHE_HOME=" + filepath.Join(dir, "cache")}
		var stderr strings.Builder
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		if err != nil || !strings.Contains(string(out), want[i]) {
			t.Errorf("%v\n%s\n%s\nwant %s\n%s", err, out, stderr.String(), want[i], script)
		}
	}
}
