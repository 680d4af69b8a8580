"""A party on another machine that keeps the last checkpoint and vouches that nothing was rewritten."""
