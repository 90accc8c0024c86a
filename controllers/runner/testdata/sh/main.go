// Command sh stands for a shell in the image that the tests of container steps
// use: it reads a script, its last argument, and does each line's word.
package main

import (
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"
)

func main() {
	term := make(chan os.Signal, 1)
	signal.Notify(term, syscall.SIGTERM) // as PID 1 it would be ignored otherwise
	go func() {
		<-term
		os.Exit(143)
	}()
	script, err := os.ReadFile(os.Args[len(os.Args)-1])
	check(err)
	for line := range strings.Lines(string(script)) {
		words := strings.Fields(os.ExpandEnv(line))
		if len(words) > 0 {
			do(words[0], append(words[1:], "", ""))
		}
	}
}

func do(word string, args []string) {
	switch word {
	case "print":
		fmt.Println(args[0])
	case "pwd":
		dir, err := os.Getwd()
		check(err)
		fmt.Println(dir)
	case "env":
		fmt.Println(strings.Join(os.Environ(), "\n"))
	case "cat":
		content, err := os.ReadFile(args[0])
		check(err)
		os.Stdout.Write(content)
	case "write":
		check(os.WriteFile(args[0], []byte(args[1]+"\n"), 0o644))
	case "append":
		add(args[0], args[1])
	case "output":
		add(os.Getenv("POWERNODE_OUTPUT"), args[0]+"="+args[1])
	case "wait":
		for _, err := os.Stat(args[0]); err != nil; _, err = os.Stat(args[0]) {
			time.Sleep(20 * time.Millisecond)
		}
	case "sleep":
		d, err := time.ParseDuration(args[0])
		check(err)
		time.Sleep(d)
	case "stubborn":
		signal.Ignore(syscall.SIGTERM)
	case "exit":
		code, err := strconv.Atoi(args[0])
		check(err)
		os.Exit(code)
	default:
		check(fmt.Errorf("unknown word %s", word))
	}
}

func add(file, line string) {
	f, err := os.OpenFile(file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	check(err)
	_, err = fmt.Fprintln(f, line)
	check(err)
	check(f.Close())
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
}
