package chaos

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// Sort is what a fault does.
type Sort string

// The sorts of faults.
const (
	Kill    Sort = "kill -9 a server, and start it again"
	Freeze  Sort = "stop a server with SIGSTOP, and go on with SIGCONT"
	Deafen  Sort = "end the connections that listen, in the database"
	Muffle  Sort = "let nothing through on the listening connection"
	Cut     Sort = "cut all connections of a server to the database"
	Darken  Sort = "let nothing through between a server and the database, then go on"
	Lose    Sort = "keep the database's answers from a server, then cut all its connections"
	Forget  Sort = "let nothing through to a server, and drop all history meanwhile"
	Crash   Sort = "restart PostgreSQL in immediate mode"
	Restart Sort = "kill -9 all servers at once, and start them again"
)

// Fault is one thing that goes wrong.
type Fault struct {
	Sort Sort
	Node int
	For  time.Duration // how long it lasts, where that is not over at once
	Rest time.Duration // how long all goes well after it
}

// String names the fault.
func (f Fault) String() string { return fmt.Sprintf("%s (server %d, %s)", f.Sort, f.Node, f.For) }

// Sorts are all of them.
func Sorts() []Sort {
	return []Sort{Kill, Freeze, Deafen, Muffle, Cut, Darken, Lose, Forget, Crash, Restart}
}

// Plan is a row of rounds that each have every sort once, in an order that the seed decides.
func Plan(seed uint64, nodes, rounds int, sorts []Sort) (plan []Fault) {
	random := rand.New(rand.NewPCG(seed, 0))
	for range rounds {
		for _, i := range random.Perm(len(sorts)) {
			plan = append(plan, Fault{
				Sort: sorts[i],
				Node: random.IntN(nodes),
				For:  time.Duration(500+random.IntN(1500)) * time.Millisecond,
				Rest: time.Duration(300+random.IntN(900)) * time.Millisecond,
			})
		}
	}
	return plan
}
