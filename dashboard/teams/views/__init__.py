"""The pages of people and teams, a module for each noun."""
