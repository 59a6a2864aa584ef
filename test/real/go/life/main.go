// A container that lives as its pod's labels and annotations say: what kwok's stages simulate (test/real/mesh/stages.ts),
// done. "life" lives, "life ready" is its readiness probe, "life terminate" its preStop.
package main

import (
	"encoding/json"
	"fmt"
	"math/rand"
	"os"
	"os/signal"
	"syscall"
	"time"
)

const readyFile = "/tmp/ready"

func main() {
	mode := ""
	if len(os.Args) > 1 {
		mode = os.Args[1]
	}
	switch mode {
	case "ready":
		if _, err := os.Stat(readyFile); err != nil {
			fmt.Println("not ready yet")
			os.Exit(1)
		}
	case "terminate":
		time.Sleep(duration("TERMINATE_AFTER", 0))
	default:
		live()
	}
}

func live() {
	life := os.Getenv("LIFE")
	if wanted := os.Getenv("ON_REVISION"); wanted != "" && wanted != revision() {
		life = ""
	}
	fmt.Println("starting")
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT)
	var crash, end, ready <-chan time.Time
	switch {
	case life == "crash":
		crash = time.After(duration("CRASH_AFTER", time.Second))
	case os.Getenv("OF_JOB") == "true" && life != "long":
		end = time.After(duration("RUN_FOR", 500*time.Millisecond))
	}
	if life != "crash" && life != "never-ready" {
		least := duration("READY_AFTER", 0)
		most := duration("READY_BEFORE", least)
		ready = time.After(least + time.Duration(rand.Int63n(int64(most-least)+1)))
	}
	for {
		select {
		case <-ready:
			if err := os.WriteFile(readyFile, nil, 0o644); err != nil {
				panic(err)
			}
			fmt.Println("listening on :8080")
		case <-crash:
			fmt.Println("fatal: cannot open the database: connection refused")
			os.Exit(1)
		case <-end:
			return
		case <-stop:
			return
		}
	}
}

// revision that injected the pod, from the annotation that injection writes; empty where none did.
func revision() string {
	var status struct{ Revision string }
	_ = json.Unmarshal([]byte(os.Getenv("STATUS")), &status)
	return status.Revision
}

func duration(name string, otherwise time.Duration) time.Duration {
	if d, err := time.ParseDuration(os.Getenv(name)); err == nil {
		return d
	}
	return otherwise
}
