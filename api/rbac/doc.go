// Package rbac decides who may do what: the rules of Role and ClusterRole, tied to
// users, groups and service accounts by RoleBinding and ClusterRoleBinding, with
// the meaning that Kubernetes gives them in every detail.
//
// A Policy is made of all such objects and does not change; one that does is
// another Policy. It answers whether an action is allowed and by which binding, what
// all a user may do, and which of the rules that somebody wants to hand out he does not
// have himself. What is allowed is only ever added up: no rule takes anything away.
//
// The package refuses to know HTTP, how objects are kept, and who logged in how.
// That system:masters may do everything is not a rule of RBAC: who asks
// a Policy checks it before.
package rbac
