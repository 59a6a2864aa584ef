package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

// What a kind of client did since the last summary. Latency counts answers (failures too) by the upper bound of their
// bucket in milliseconds; a bucket is a quarter of a power of two wide.
type counts struct {
	OK      int            `json:"ok"`
	Failed  int            `json:"failed"`
	Latency map[string]int `json:"latency"`
}

type line struct {
	Time   string `json:"time"`
	Client string `json:"client"` // what CLIENT says: which clients these are
	Pod    string `json:"pod"`
	// one of these
	Start   *start            `json:"start,omitempty"`
	Failure *failure          `json:"failure,omitempty"`
	Counts  map[string]counts `json:"counts,omitempty"`
	// with counts: how long the oldest request under way has waited, in ms, and whether nothing follows
	Waits *int64 `json:"waits,omitempty"`
	End   bool   `json:"end,omitempty"`
}

type start struct {
	Kinds []string `json:"kinds"`
	Rate  int      `json:"rate"`
}

type failure struct {
	Kind   string `json:"kind"`
	Status string `json:"status"`
	Error  string `json:"error"`
	Ms     int64  `json:"ms"`
}

func bucket(ms float64) string {
	step := math.Ceil(4 * math.Log2(math.Max(ms, 0.25)))
	return strconv.FormatFloat(math.Exp2(step/4), 'g', 4, 64)
}

// stream sends RATE requests a second of each of KINDS to HOST, and writes to a file of its own below OUT, a folder
// that outlives the pod, and to stdout. A request that takes longer than TIMEOUT has failed. It ends when all that is
// under way has ended, and LINGER later: meanwhile a native sidecar stays, and what it counted can be scraped.
func stream(stop context.Context) {
	host, timeout := env("HOST", "server"), duration("TIMEOUT", "5s")
	rate, err := strconv.Atoi(env("RATE", "5"))
	if err != nil {
		panic(err)
	}
	known := calls(host)
	kinds := strings.Split(env("KINDS", "http1-new,http1-kept,http2-kept,grpc-kept"), ",")
	client, pod := env("CLIENT", "client"), env("HOSTNAME", "client")
	file := os.Stdout
	if dir := os.Getenv("OUT"); dir != "" {
		file, err = os.Create(fmt.Sprintf("%s/%s.%d.jsonl", dir, pod, time.Now().UnixMilli()))
		if err != nil {
			panic(err)
		}
	}

	var mutex sync.Mutex
	sums, under := map[string]counts{}, map[*time.Time]bool{}
	write := func(l line) {
		l.Time, l.Client, l.Pod = time.Now().UTC().Format("2006-01-02T15:04:05.000Z"), client, pod
		text, _ := json.Marshal(l)
		if _, err := file.Write(append(text, '\n')); err != nil {
			panic(err)
		}
		if file != os.Stdout && (l.Start != nil || l.Failure != nil || l.End) {
			os.Stdout.Write(append(text, '\n'))
		}
	}
	summary := func(end bool) {
		mutex.Lock()
		defer mutex.Unlock()
		var waits int64
		for begun := range under {
			waits = max(waits, time.Since(*begun).Milliseconds())
		}
		write(line{Counts: sums, Waits: &waits, End: end})
		sums = map[string]counts{}
	}
	send := func(kind string) {
		ctx, cancel := context.WithTimeout(context.Background(), timeout)
		defer cancel()
		begun := time.Now()
		mutex.Lock()
		under[&begun] = true
		mutex.Unlock()
		said, err := known[kind](ctx)
		took := time.Since(begun)
		mutex.Lock()
		defer mutex.Unlock()
		delete(under, &begun)
		sum := sums[kind]
		if sum.Latency == nil {
			sum.Latency = map[string]int{}
		}
		sum.Latency[bucket(float64(took.Microseconds())/1000)]++
		if err == nil {
			sum.OK++
		} else {
			sum.Failed++
			write(line{Failure: &failure{Kind: kind, Status: said, Error: err.Error(), Ms: took.Milliseconds()}})
		}
		sums[kind] = sum
	}

	write(line{Start: &start{Kinds: kinds, Rate: rate}})
	var group sync.WaitGroup
	second := time.NewTicker(time.Second)
	tick := time.NewTicker(time.Second / time.Duration(rate*len(kinds)))
	for next := 0; ; {
		select {
		case <-stop.Done():
			group.Wait()
			summary(true)
			time.Sleep(duration("LINGER", "0s"))
			return
		case <-second.C:
			summary(false)
		case <-tick.C:
			kind := kinds[next%len(kinds)]
			next++
			group.Go(func() { send(kind) })
		}
	}
}
