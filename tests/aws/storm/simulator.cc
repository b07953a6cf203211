namespace ytb::storm {}
