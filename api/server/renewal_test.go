package server_test

import "testing"

const leases = "/apis/coordination.k8s.io/v1/namespaces/default/leases"

// Who takes a lease is recorded and kept; that the same holder still lives is not, however often it says so.
func TestTheRenewalOfALeaseLeavesNothingBehind(t *testing.T) {
	a := startAudited(t)
	spec := func(holder, renewed string) string {
		return `{"spec":{"holderIdentity":"` + holder + `","leaseDurationSeconds":15,"renewTime":"2026-01-02T03:04:` + renewed + `.000000Z"}}`
	}
	write := func(body string) { a.want(a.merge(leases+"/l", body), 200) }
	a.want(a.post(leases, `{"metadata":{"name":"l"},`+spec("one", "01")[1:]), 201)
	a.one()
	for _, at := range []string{"02", "03", "04"} {
		write(spec("one", at))
	}
	if entries := a.fresh(); len(entries) > 0 {
		t.Errorf("renewals are recorded: %s", documents(entries))
	}
	write(spec("two", "05"))
	if r := a.one(); r.Verb != "patch" || r.Code != 200 {
		t.Errorf("taking it: %s", r.Document)
	}
	write(`{"metadata":{"labels":{"a":"b"}},"spec":{"renewTime":"2026-01-02T03:04:06.000000Z"}}`)
	a.one()
	if got := a.history(leases + "/l/history"); len(got.Items) != 3 || got.Items[1].Generation != 5 {
		t.Errorf("versions %+v", got.Items)
	}
}
