DROP TABLE slots, members;
